"""Tables on stdout at any width, and readers that leave early."""

import os
import subprocess
import sys

import pytest

from nevus.cli.results import make_table, print_table

FAIL = """
from nevus.cli import app, results

def leave():
    for _ in range(2000):
        results.print_table(results.make_table("a table"))

app._run = leave
app.main()
"""


WATCHED = """
import sys
from nevus.cli.progress import counting

with counting("long work") as advance:
    for done in range(2000):
        advance(done, 2000)
print("saved", file=sys.stderr)
sys.exit(7)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGPIPE there")
def test_reader_that_leaves_is_no_error_of_ours() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", FAIL], stdout=stdout, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_in_files_nothing_is_cut_off(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = make_table("a title")
    table.add_column("name")
    table.add_column("value")
    table.add_row("name_of_a_score " * 4, "0.1234 to 0.5678")
    print_table(table)
    assert "name_of_a_score " * 3 in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="no SIGPIPE there")
def test_work_goes_on_when_nobody_watches_its_bar() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as stderr:
        done = subprocess.run([sys.executable, "-c", WATCHED], stderr=stderr, timeout=60)
    assert done.returncode == 7
