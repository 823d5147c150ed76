"""The gallery page: which cases, self-contained, escaped, readable without seeing or a mouse."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from nevus.evaluation.pages import GalleryItem, pick_cases, write_gallery
from nevus.evaluation.scores import make_scores
from nevus.labels import NOTICE
from nevus.metrics.masks import Counts

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"


def make_table(*values):
    return {f"ISIC_{k:07d}": {"jaccard": value} for k, value in enumerate(values)}


def numbers(ids):
    return [int(image_id[-7:]) for image_id in ids]


def test_cases_by_hand():
    best, middle, worst = pick_cases(make_table(0.5, 0.9, 0.1, 0.7, 0.3, 0.6, 0.2, 0.8, 0.4), 2)
    assert numbers(best) == [1, 7]
    assert numbers(worst) == [2, 6]
    assert numbers(middle) == [8, 0]


def test_ties_go_by_image_id():
    best, _, worst = pick_cases(make_table(1.0, 1.0, 1.0), 1)
    assert (numbers(best), numbers(worst)) == ([2], [0])


@pytest.mark.parametrize("n", range(12))
@pytest.mark.parametrize("count", [1, 3, 50])
def test_no_case_stands_twice(n, count):
    table = make_table(*np.linspace(0, 1, n))
    kinds = pick_cases(table, count)
    shown = [image_id for kind in kinds for image_id in kind]
    assert len(set(shown)) == len(shown) <= n
    assert all(len(kind) <= count for kind in kinds)
    if count == 50:
        assert len(shown) == n


def test_no_cases_is_a_mistake():
    with pytest.raises(ValueError, match="at least 1"):
        pick_cases({}, 0)


def make_item(image_id, group="Worst", size=(120, 900)):
    pixels = np.full((*size, 3), (200, 150, 130), dtype=np.uint8)
    truth, prediction = np.zeros(size, bool), np.zeros(size, bool)
    truth[20:80, 100:500] = True
    prediction[40:100, 200:600] = True
    return GalleryItem(image_id, pixels, truth, prediction, score=0.375, group=group)


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
    return make_scores({"ISIC_1": Counts(6, 2, 4, 8), "ISIC_2": Counts(9, 1, 0, 10)})


@pytest.fixture
def page(tmp_path, summary):
    items = [make_item("ISIC_0000001"), make_item(PAYLOAD), make_item("ISIC_0000002", "Best")]
    write_gallery(tmp_path / "page.html", items, title=f"Fold 0 {PAYLOAD}", summary=summary)
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_names_are_shown_and_never_run(page):
    parsed = Page(page)
    assert parsed.find("script") == []
    assert len(parsed.find("img")) == 3
    assert all("onerror" not in attributes for _, attributes in parsed.tags)
    assert parsed.text.count(PAYLOAD) == 1
    assert "".join(parsed.text).count("{{ 7 * 7 }}") == 3


def test_nothing_is_loaded_from_anywhere(page):
    parsed = Page(page)
    assert "http:" not in page
    assert "https:" not in page
    assert "//" not in re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", "", page)
    for attributes in parsed.find("a"):
        assert attributes["href"].startswith("#")
    for attributes in parsed.find("img"):
        assert attributes["src"].startswith("data:image/jpeg;base64,")


def test_policy_forbids_scripts_and_admits_its_own_style(page):
    policies = [
        attributes["content"]
        for attributes in Page(page).find("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    style = re.search(r"<style>(.*?)</style>", page, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert f"'sha256-{digest}'" in policies[0]
    assert "unsafe" not in policies[0]
    assert "style=" not in page


def test_notice_stands_above_everything(page):
    assert page.index(NOTICE) < page.index("<nav") < page.index("<table") < page.index("<img")


def test_page_can_be_walked_and_heard(page):
    parsed = Page(page)
    assert parsed.find("html") == [{"lang": "en"}]
    targets = {attributes["id"] for _, attributes in parsed.tags if "id" in attributes}
    assert {attributes["href"][1:] for attributes in parsed.find("a")} <= targets
    assert all("Jaccard 0.375" in attributes["alt"] for attributes in parsed.find("img"))
    assert "prefers-color-scheme: dark" in page
    assert ":focus-visible" in page


def test_summary_has_n_and_intervals(page, summary):
    assert "n = 2 photographs" in page
    low, high = summary.ci95["jaccard"]
    assert f"{low:.3f} to {high:.3f}" in page
    assert f"<td>{summary.means['jaccard']:.3f}</td>" in page


def test_thumbnails_are_small_and_outlined_in_two_colours(page):
    raw = base64.b64decode(Page(page).find("img")[0]["src"].split(",", 1)[1])
    with Image.open(io.BytesIO(raw)) as image:
        assert image.size == (480, 64)
        pixels = np.asarray(image).astype(int)
    red, _, blue = (pixels[..., k] for k in range(3))
    assert ((blue - red) > 80).sum() > 100
    assert ((red - blue) > 130).sum() > 100


def test_one_photograph_and_a_subset_say_so(tmp_path):
    summary = make_scores({"ISIC_1": Counts(6, 2, 4, 8)}, subset=True, left_out=["a", "b"])
    write_gallery(tmp_path / "page.html", [], title="One", summary=summary)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "n = 1 photograph," in text
    assert "2 left out" in text
    assert "not defined for one photograph" in text
    assert "nan" not in text.lower().replace("explanation", "")


def test_mask_of_another_size_is_a_mistake(tmp_path, summary):
    item = make_item("ISIC_0000001")
    wrong = GalleryItem(item.image_id, item.pixels, item.truth[:-1], item.prediction, 0.1)
    with pytest.raises(ValueError, match="ISIC_0000001: truth is"):
        write_gallery(tmp_path / "page.html", [wrong], title="x", summary=summary)
    assert not (tmp_path / "page.html").exists()
