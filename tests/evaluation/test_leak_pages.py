"""The page of leaking pairs: escaped, complete, without anything from outside."""

import html
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.data.leak_report import LeakPair, LeakReport, Place
from nevus.data.split_parts import Photo
from nevus.evaluation.leak_pages import render_leak_page, write_leak_page
from nevus.labels import NOTICE

EVIL = "\"><script>alert('x')</script>"


def place(folder: Path, part: str, name: str, lesion_id: str | None = None) -> Place:
    path = folder / f"{abs(hash((part, name)))}.png"
    Image.fromarray(np.full((300, 600, 3), 90, np.uint8)).save(path)
    return Place(part, Photo(name, path, lesion_id))


def report(*pairs: LeakPair, **lesions: tuple[Place, ...]) -> LeakReport:
    return LeakReport({"x": 5, "y": 2}, lesions, pairs, {"x": 1, "y": 1}, ())


def test_pairs_and_lesions_stand_side_by_side(tmp_path: Path) -> None:
    a, b = place(tmp_path, "x", "a", "L1"), place(tmp_path, "y", "b", "L1")
    c = place(tmp_path, "y", "c")
    shown = render_leak_page(
        report(LeakPair("look_alike", a, b), LeakPair("look_alike", a, c), L1=(a, b))
    )
    assert NOTICE in shown
    titles = re.findall(r"<h2 id=[^>]*>([^<]*)</h2>", shown)
    assert titles == [
        "Near-identical, without a common lesion_id",
        "Near-identical, of one lesion",
        "Lesions on more than one side",
    ]
    assert shown.count("data:image/jpeg;base64,") == 3
    assert 'width="518" height="128"' in shown
    assert "Photographs a of x and c of y, side by side." in shown


def test_strange_names_are_escaped_and_nothing_is_loaded(tmp_path: Path) -> None:
    a, b = place(tmp_path, EVIL, EVIL, EVIL), place(tmp_path, "y", EVIL, "L")
    shown = render_leak_page(report(LeakPair("identical_file", a, b)))
    assert "<script" not in shown
    assert "default-src 'none'" in html.unescape(shown)
    assert not re.search(r"(src|href)=\"(?!data:image/jpeg|#)", shown)


def test_only_some_are_shown_and_unreadable_ones_said(tmp_path: Path) -> None:
    a, b = place(tmp_path, "x", "a"), place(tmp_path, "y", "b")
    b.photo.image.write_bytes(b"")
    pairs = [LeakPair("look_alike", a, b)] * 5
    shown = render_leak_page(report(*pairs), most=2)
    assert "5 pairs, the first 2 shown" in shown
    assert shown.count("One of the two cannot be read.") == 2


def test_a_clean_report_is_written(tmp_path: Path) -> None:
    write_leak_page(tmp_path / "page.html", report())
    assert "Nothing on more than one side." in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize("most", [1, 100])
def test_the_page_is_the_same_every_time(tmp_path: Path, most: int) -> None:
    pair = LeakPair("look_alike", place(tmp_path, "x", "a"), place(tmp_path, "y", "b"))
    assert render_leak_page(report(pair), most=most) == render_leak_page(report(pair), most=most)
