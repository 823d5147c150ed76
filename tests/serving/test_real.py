"""The real command with the real analyser and plain models, and the examples against it."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nevus

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def address(plain_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("real")
    log, home = folder / "log.txt", folder / "home"
    home.mkdir()
    places = dict.fromkeys(("TMPDIR", "HOME", "XDG_CACHE_HOME"), str(home))
    command = [sys.executable, "-m", "nevus", "serve", "--port", "0", "--workers", "1"]
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [*command, "--models", str(plain_models)], stdout=subprocess.PIPE, stderr=stderr,
            text=True, env={**os.environ, **places},
        )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        found = process.stdout.readline().split()[-1]
        wait_ready(found)
        yield found
        process.terminate()
        assert process.wait(60) == 0
    assert "Research use only" in log.read_text(encoding="utf-8")
    # Neither a photograph nor what a library thinks worth keeping.
    assert list(home.rglob("*")) == []


def wait_ready(address: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}readyz", timeout=60):
                return
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.1)
    raise AssertionError("never ready")


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_python_example(address: str, drawn: Path, tmp_path: Path) -> None:
    photograph = drawn / "images" / "ISIC_0000000.png"
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"none")
    script = str(EXAMPLES / "client.py")
    done = run(sys.executable, script, "--address", address, str(photograph), str(bad))
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("ISIC_0000000.png: small_photograph, lesion on ")
    assert second.startswith("bad.jpg: ")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_example(address: str, drawn: Path, tmp_path: Path) -> None:
    photographs = sorted((drawn / "images").iterdir())[:2]
    out = tmp_path / "answers.zip"
    done = run("sh", str(EXAMPLES / "client.sh"), address, str(out), *map(str, photographs))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(out) as archive:
        assert "ISIC_0000001_segmentation.png" in archive.namelist()


def test_the_same_answer_as_without_a_server(
    address: str, drawn: Path, plain_models: Path, ask: Callable[..., Any]
) -> None:
    photograph = drawn / "images" / "ISIC_0000003.png"
    analyzer = nevus.Analyzer(plain_models, threads=1)
    here = analyzer.analyze(photograph.read_bytes(), name=photograph.name)
    (there,) = ask(address, "/v1/analyze", [(photograph.name, photograph.read_bytes())])["results"]
    assert there["analysis"] == here.analysis.model_dump(mode="json")
