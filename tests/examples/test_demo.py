"""The demo, as `make demo` runs it."""

import subprocess
import sys
from pathlib import Path

from nevus.labels import NOTICE

DEMO = Path(__file__).resolve().parent.parent.parent / "examples" / "demo.py"


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DEMO, *map(str, words)], capture_output=True, text=True, timeout=120
    )


def test_a_drawn_photograph(tmp_path: Path, plain_models: Path) -> None:
    done = run("--out", tmp_path, "--models", plain_models)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(NOTICE) == 1
    assert "report.html" in done.stdout
    assert (tmp_path / "results" / "phantom.json").is_file()


def test_without_models_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = run("--out", tmp_path, "--models", tmp_path / "none")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("demo: ")
    assert "MODELS=FOLDER" in last
