"""Tables on stdout at any width, and readers that leave early."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nevus.cli.results import make_table, print_table
from nevus.cli.targets import check_target
from nevus.errors import UsageError

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


def test_what_is_read_or_named_like_something_else_is_not_written(tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("image,MEL", encoding="utf-8")
    (tmp_path / "x").mkdir()
    with pytest.raises(UsageError, match=r"--csv .*truth\.csv is read by the same call"):
        check_target("--csv", tmp_path / "x" / ".." / "truth.csv", ".csv", reads=(None, truth))
    with pytest.raises(UsageError, match=r"a\.jpg does not end in \.html or \.htm"):
        check_target("--page", tmp_path / "a.jpg", ".html", ".htm")
    check_target("--csv", None, ".csv", reads=(truth,))
    check_target("--csv", tmp_path / "new.CSV", ".csv", reads=(truth, tmp_path))
