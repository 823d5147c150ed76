"""The page of attribute masks: which cases, self-contained, escaped, readable without seeing."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from nevus.evaluation.attribute_pages import (
    AttributeItem,
    pick_attribute_cases,
    write_attribute_page,
)
from nevus.evaluation.attribute_scores import make_attribute_scores
from nevus.evaluation.rendering import _read_resource
from nevus.imaging.palette import ATTRIBUTE_COLORS
from nevus.labels import ATTRIBUTES, NOTICE

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"
NOTHING = (0.0, 0.0, 0.0, 1.0)


def make_scores(rows, **options):
    """Return scores of photographs whose attributes are {place: (tp, fp, fn)}."""
    shares = np.full((len(rows), 5, 4), NOTHING)
    for row, attributes in enumerate(rows):
        for place, (tp, fp, fn) in attributes.items():
            shares[row, place] = (tp, fp, fn, 1 - tp - fp - fn)
    return make_attribute_scores([f"ISIC_{k:07d}" for k in range(len(rows))], shares, **options)


def numbers(ids):
    return [int(image_id[-7:]) for image_id in ids]


def test_cases_by_hand():
    scores = make_scores(
        [
            {0: (0.1, 0.0, 0.0)},
            {},
            {0: (0.0, 0.0, 0.1)},
            {0: (0.0, 0.2, 0.1)},
            {0: (0.1, 0.1, 0.0)},
            {0: (0.3, 0.0, 0.1), 2: (0.0, 0.0, 0.01)},
        ]
    )
    groups = pick_attribute_cases(scores, 1)
    # Photograph 1 shows nothing and nothing was found; 3 is as wrong as 2, on more pixels.
    assert {heading: numbers(ids) for heading, ids in groups.items()} == {
        "Worst": [3],
        "Middle": [4],
        "Best": [0],
        "Largest errors: pigment network": [2],
        "Largest errors: streaks": [5],
    }


@pytest.mark.parametrize("n", [0, 1, 2, 5, 17])
@pytest.mark.parametrize("number", [1, 4, 40])
def test_no_case_stands_twice(n, number):
    generator = np.random.default_rng(n)
    rows = [{k: generator.random(3) / 4 for k in range(5) if generator.random() < 0.5}
            for _ in range(max(n, 1))]  # fmt: skip
    groups = pick_attribute_cases(make_scores(rows), number)
    shown = [image_id for ids in groups.values() for image_id in ids]
    assert len(shown) == len(set(shown))
    assert all(ids and len(ids) <= number for ids in groups.values())
    if number == 40:
        assert len(shown) == sum(bool(row) for row in rows)


def test_no_cases_is_a_mistake():
    with pytest.raises(ValueError, match="at least 1"):
        pick_attribute_cases(make_scores([{}]), 0)


def make_item(image_id, group="Worst", size=(150, 600)):
    pixels = np.full((*size, 3), (200, 150, 130), np.uint8)
    truth, prediction = np.zeros((2, 5, *size), bool)
    truth[0, 20:80, 100:500] = True
    truth[4, 20:80, 100:500] = True
    prediction[0, 20:80, 100:300] = True
    return AttributeItem(image_id, pixels, list(truth), list(prediction), group)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def find(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def summary():
    rows = [{0: (0.2, 0.1, 0.1)}, {0: (0.1, 0.0, 0.0), 4: (0.1, 0.1, 0.1)}, {}]
    return make_scores(rows, likely=np.array([[0.9] * 5, [0.5] * 5, [0.1] * 5]), left_out=["x"])


@pytest.fixture
def page(tmp_path, summary):
    items = [make_item("ISIC_0000001"), make_item(PAYLOAD), make_item("ISIC_0000002", "Best")]
    path = tmp_path / "page.html"
    write_attribute_page(path, items, title=f"Fold 0 {PAYLOAD}", summary=summary)
    return path.read_text(encoding="utf-8")


def test_names_are_shown_and_never_run(page):
    parsed = Page(page)
    assert parsed.find("script") == []
    assert len(parsed.find("img")) == 6
    assert all("onerror" not in attributes for _, attributes in parsed.tags)
    assert PAYLOAD in parsed.text


def test_nothing_is_loaded_from_anywhere(page):
    parsed = Page(page)
    assert "//" not in re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", "", page)
    assert all(attributes["href"].startswith("#") for attributes in parsed.find("a"))
    assert all(img["src"].startswith("data:image/jpeg;base64,") for img in parsed.find("img"))


def test_policy_admits_its_own_style_alone(page):
    meta = [one for one in Page(page).find("meta") if "http-equiv" in one]
    style = re.search(r"<style>(.*?)</style>", page, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert len(meta) == 1
    assert "default-src 'none'" in meta[0]["content"]
    assert f"'sha256-{digest}'" in meta[0]["content"]
    assert "style=" not in page


def test_notice_stands_above_everything(page):
    assert page.index(NOTICE) < page.index("<nav") < page.index("<table") < page.index("<img")


def test_page_can_be_walked_and_heard(page):
    parsed = Page(page)
    assert parsed.find("html") == [{"lang": "en"}]
    targets = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(targets) == len(set(targets))
    assert {attributes["href"][1:] for attributes in parsed.find("a")} <= set(targets)
    alts = [attributes["alt"] for attributes in parsed.find("img")]
    wanted = "Photograph ISIC_0000001, truth: pigment network 26.7%, globules 26.7%."
    assert alts[:2] == [wanted, "Photograph ISIC_0000001, prediction: pigment network 13.3%."]
    assert "prefers-color-scheme: dark" in page
    assert ":focus-visible" in page


def test_scores_have_n_and_intervals(page, summary):
    assert "n = 3 photographs" in page
    assert "1 left out" in page
    low, high = summary.ci95["pooled_jaccard"]
    assert f"<td>{summary.pooled_jaccard:.3f}</td><td>{low:.3f} to {high:.3f}</td>" in page
    assert "Presence: AUC" in page
    assert "nan" not in page.lower()


def test_each_photograph_tells_its_own_numbers(page):
    text = re.sub(r"\s+", " ", " ".join(Page(page).text))
    # Half of the network is found, none of the globules: a quarter of both together.
    assert "ISIC_0000001 Jaccard 0.250" in text
    assert re.search(r"pigment network 26.7% 13.3% 0.500 globules 26.7% 0.0% 0.000", text)


def test_legend_has_the_colours_of_the_lines(page):
    css = _read_resource("attributes.css")
    for name, color in ATTRIBUTE_COLORS.items():
        assert f".{name}::before {{ background: #{bytes(color).hex()}; }}" in css
        assert f'class="swatch {name}"' in page
    raw = base64.b64decode(Page(page).find("img")[0]["src"].split(",", 1)[1])
    with Image.open(io.BytesIO(raw)) as image:
        assert image.size == (420, 105)
        pixels = np.asarray(image).astype(int)
    # Two attributes on the very same pixels: both can be seen.
    for name in ("pigment_network", "globules"):
        near = np.abs(pixels - ATTRIBUTE_COLORS[name]).sum(axis=2) < 90
        assert near.sum() > 100


def test_without_presences_their_columns_are_away(tmp_path):
    path = tmp_path / "page.html"
    write_attribute_page(path, [], title="None", summary=make_scores([{}]))
    text = path.read_text(encoding="utf-8")
    assert "Presence: AUC" not in text
    assert "n = 1 photograph " in text
    assert "No photograph to show." in text


def test_masks_that_do_not_fit_are_a_mistake(tmp_path, summary):
    item = make_item("ISIC_0000001")
    small = [mask[:-1] for mask in item.truth]
    for truth, said in ((small, "truth of pigment_network is"), (item.truth[:4], "shorter")):
        wrong = AttributeItem(item.image_id, item.pixels, truth, item.prediction)
        with pytest.raises(ValueError, match=said):
            write_attribute_page(tmp_path / "page.html", [wrong], title="x", summary=summary)
    assert not (tmp_path / "page.html").exists()
    assert len(ATTRIBUTES) == 5
