"""The task 3 page: whole, silent, escaped, and its pictures say what the numbers say."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from nevus.errors import UsageError
from nevus.evaluation.class_cases import make_cases
from nevus.evaluation.class_charts import SIDE, place_bins, place_cells, trace_path
from nevus.evaluation.class_pages import render_class_page, write_class_page
from nevus.evaluation.class_scores import make_diagnosis_scores
from nevus.evaluation.patient_facts import Facts
from nevus.labels import DIAGNOSES, NOTICE
from nevus.metrics.calibration import bin_confidence
from nevus.metrics.curves import Curve

EVIL = "<script>alert(1)</script>"


def make_scores(n=70, facts=None, classes=7):
    generator = np.random.default_rng(5)
    truth = np.arange(n) % classes
    rows = generator.dirichlet(np.ones(7), n)
    rows[np.arange(n), truth] += 0.6
    rows /= rows.sum(axis=1, keepdims=True)
    ids = [f"ISIC_{number:07d}" for number in range(n)]
    known = dict.fromkeys(ids, facts) if facts else {}
    return make_diagnosis_scores(make_cases(ids, truth, rows, np.ones(n), known))


@pytest.fixture(scope="module")
def scores():
    return make_scores(facts=Facts(None, 50.0, EVIL, '"><img src=x onerror=alert(1)>'))


@pytest.fixture(scope="module")
def page(scores):
    return render_class_page(scores, title=f"Diagnosis {EVIL}")


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.strays = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.strays.append(tag)

    def find(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_page_is_well_formed_and_runs_nothing(page):
    reader = Reader(page)
    assert (reader.open, reader.strays) == ([], [])
    assert not {"script", "img", "link", "iframe", "form"} & {tag for tag, _ in reader.tags}
    assert not any(
        key.startswith("on") or key in ("src", "style") for _, a in reader.tags for key in a
    )
    assert all(attributes["href"].startswith("#") for attributes in reader.find("a"))
    assert "http:" not in page
    assert "https:" not in page


def test_links_and_labels_lead_somewhere(page):
    reader = Reader(page)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for attributes in reader.find("a")} <= set(ids)
    for picture in reader.find("svg"):
        assert picture["role"] == "img"
        assert set(picture["aria-labelledby"].split()) <= set(ids)
    assert len(reader.find("table")) == len(reader.find("caption"))


def test_page_says_what_the_scores_say(page, scores):
    assert NOTICE in page
    assert f"n = {scores.n} photographs" in page
    low, high = scores.ci95["balanced_accuracy"]
    assert f"<td>{scores.balanced_accuracy:.3f}</td><td>{low:.3f} to {high:.3f}</td>" in page
    assert f"expected calibration error {scores.ece:.3f}" in page
    assert page.count('<path class="curve"') == 7
    for point in scores.melanoma_points:
        assert f"<td>{point.point.threshold:.4g}</td>" in page
    assert "By age" in page
    assert "45 to 59" in page


def test_undefined_numbers_are_dashes():
    scores = make_scores(n=1, classes=1)
    page = render_class_page(scores)
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", page.lower())
    assert page.count("not defined") == 7
    assert "The truth holds no melanoma, or nothing else." in page
    assert "n = 1 photograph;" in page
    assert Reader(page).open == []


def test_cells_by_hand():
    confusion = np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    cells = list(place_cells(confusion, ("A", "B"), 3))
    assert [cell["count"] for cell in cells] == ["3", "1", "0", "0", "0", "0"]
    assert [cell["share"] for cell in cells[:3]] == ["75 %", "25 %", "0 %"]
    assert [cell["right"] for cell in cells] == [1, 0, 0, 0, 1, 0]
    assert cells[2]["fill"] == "#ffffff"
    assert cells[0]["fill"] < cells[1]["fill"]
    assert len(list(place_cells(confusion, ("A", "B"), 2))) == 4


@pytest.mark.parametrize("share", np.linspace(0, 1, 11))
def test_text_in_cells_can_be_read(share):
    cell = next(iter(place_cells(np.array([[share, 1 - share]]), ("A",), 2)))
    parts = [int(cell["fill"][start : start + 2], 16) / 255 for start in (1, 3, 5)]

    def brightness(values):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ink = brightness([0x1B / 255, 0x1B / 255, 0x1F / 255])
    assert (brightness(parts) + 0.05) / (ink + 0.05) > 5


def test_paths_are_thinned_and_keep_their_ends():
    many = np.linspace(0, 1, 10_001)
    path = trace_path(Curve(many, np.sqrt(many), many[::-1]))
    points = [tuple(map(float, one.split())) for one in path[1:].split("L")]
    assert points[0] == (0, SIDE)
    assert points[-1] == (SIDE, 0)
    assert len(points) < 600
    for x, y in points:
        assert y == pytest.approx(SIDE * (1 - np.sqrt(x / SIDE)), abs=4)


def test_bins_by_hand():
    reliability = bin_confidence(
        np.array([0.55, 0.55, 0.9]), np.array([True, False, True]), np.ones(3), bins=2
    )
    (box,) = place_bins(reliability)
    assert (box["x"], box["width"]) == ("120.0", "120.0")
    assert box["height"] == f"{SIDE * 2 / 3:.1f}"
    assert (box["n"], box["accuracy"], box["confidence"]) == ("3", "0.667", "0.667")


def test_page_is_written_whole_or_not_at_all(tmp_path, scores):
    write_class_page(tmp_path / "page.html", scores)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert all(f'<title id="curve-{k + 1}">' in text for k in range(len(DIAGNOSES)))
    with pytest.raises(UsageError):
        write_class_page(tmp_path / "absent" / "page.html", scores)
