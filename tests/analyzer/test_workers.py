"""Processes that die, hang or fail cost their own task alone."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time
from nevus.analyzer.workers import run_tasks
from nevus.errors import DiskFullError, NevusError

def prepare(options):
    if options.get("broken"):
        os._exit(3)
    def answer(task):
        if task["what"] == "die":
            os.kill(os.getpid(), 9)
        if task["what"] == "hang":
            time.sleep(60)
        if task["what"] == "full":
            raise DiskFullError("no room", hint="make some")
        return {"twice": 2 * task["place"]}
    return answer

if __name__ == "__main__":
    words = sys.argv[2].split()
    tasks = [{"place": place, "what": what} for place, what in enumerate(words)]
    options = {"broken": sys.argv[1] == "broken"}
    try:
        for task, reply in run_tasks(prepare, options, tasks, workers=2, seconds=3):
            print(task["place"], reply.get("twice"), reply.get("code"))
    except NevusError as error:
        print(type(error).__name__, error)
"""


def run(tmp_path: Path, mode: str, words: str) -> list[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), mode, words],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return sorted(done.stdout.splitlines())


def test_deaths_and_hangs(tmp_path: Path) -> None:
    lines = run(tmp_path, "whole", "go die go hang go die go")
    expected = ["0 0 None", "1 None crashed", "2 4 None", "3 None timeout", "4 8 None"]
    assert lines == [*expected, "5 None crashed", "6 12 None"]


@pytest.mark.parametrize(
    ("mode", "words", "line"),
    [("whole", "full", "DiskFullError no room (make some)"), ("broken", "go", "UsageError")],
)
def test_what_stops_everything(tmp_path: Path, mode: str, words: str, line: str) -> None:
    assert run(tmp_path, mode, words)[0].startswith(line)
