"""The step before the tests that looks for a browser: it never fails, and says how it went."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "install_browser.py"
pytestmark = [
    pytest.mark.skipif(not TOOL.is_file(), reason="tools/ is not in the source distribution"),
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts"),
]
superuser = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser may install"
)


def run(path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(TOOL)], capture_output=True, text=True, timeout=60,
        env={"PATH": str(path)},
    )  # fmt: skip


def write_program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def test_a_browser_that_is_there(tmp_path: Path) -> None:
    write_program(tmp_path / "google-chrome", "exit 0")
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"browser tests: {tmp_path / 'google-chrome'}\n"


def test_no_browser_and_no_package_manager(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("\n") == 1
    assert "SKIPPED (no Chromium on the path); install Chromium" in done.stderr


@superuser
def test_a_browser_that_is_fetched(tmp_path: Path) -> None:
    # Nothing but the stand-in is on its path.
    browser = tmp_path / "chromium"
    stand_in = f"""
        echo "$@" >> {tmp_path}/asked
        case "$*" in *update*|*--download-only*) exit 0;; esac
        : > {browser}
        /bin/chmod +x {browser}"""
    write_program(tmp_path / "apt-get", stand_in)
    done = run(tmp_path)
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert [line.split()[-1] for line in asked] == ["update", "chromium", "chromium"]
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{browser} was installed" in done.stdout


@superuser
def test_a_package_manager_that_fails(tmp_path: Path) -> None:
    write_program(tmp_path / "apt-get", "echo 'E: no network' >&2; exit 100")
    done = run(tmp_path)
    assert done.returncode == 0
    assert "SKIPPED (apt-get: E: no network)" in done.stderr
