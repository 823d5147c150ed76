"""`nevus curves`: a page of what the journal holds, also of a run that has just begun."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nevus.cli.app import main


def run(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["nevus", "curves", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
    out, err = capfd.readouterr()
    return int(left.value.code or 0), out, err


def write_run(folder: Path, steps: int) -> Path:
    lines = [{"step": step, "epoch": 1, "lr": 0.1, "dice": 1 / step} for step in range(1, steps)]
    lines.append({"step": steps, "epoch": 1, "validation": True, "metric": 0.5, "jaccard": 0.5})
    folder.mkdir()
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text + '{"step": 9', encoding="utf-8")
    return folder


def test_a_page_of_two_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runs = [write_run(tmp_path / "<b>", 900), write_run(tmp_path / "two", 3)]
    code, out, _ = run(capfd, *runs, "--out", tmp_path / "c.html")
    assert code == 0
    assert "c.html" in out
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    pictures = page.split("<svg")[1:]
    assert len(pictures) == 2
    for one in pictures:
        ElementTree.fromstring("<svg" + one.partition("</svg>")[0] + "</svg>")
    # One validation is a point, 899 steps are means of a few hundred.
    assert pictures[0].count("<circle") == 2
    assert 200 <= pictures[1].partition("</polyline>")[0].count(",") <= 600


def test_runs_of_one_name_are_told_apart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
    first, second = (write_run(tmp_path / place / "run", 3) for place in ("a", "b"))
    assert run(capfd, first, second, first, "--out", tmp_path / "c.html")[0] == 0
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert str(first) in page
    assert str(second) in page


def test_nothing_to_draw_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run(capfd, tmp_path / "empty")
    assert code == 2
    assert "metrics.jsonl" in err
