"""The page: inert, self-contained, readable by all, one photograph in memory at a time."""

import base64
import gc
import hashlib
import inspect
import io
import re
import weakref
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.analysis import quality
from nevus.analysis.quality import assess_quality
from nevus.analysis.report import ReportEntry, choose_long_side, render_report, write_report
from nevus.analysis.results import Dermoscopy, DiagnosisAnswer
from nevus.analysis.wording import FLAG_WORDS
from nevus.errors import UsageError
from nevus.imaging.cells import clean_name
from nevus.inference.inputs import Failure
from nevus.labels import NOTICE

SCRIPT = "<script>alert(1)</script>"
PAYLOADS = [
    SCRIPT, SCRIPT.upper(), "<scr<script>ipt>alert(1)</scr</script>ipt>", "\"><script>alert(1)//",
    "'><img src=x onerror=alert(1)>", '" onload="alert(1)', "' onmouseover='alert(1)",
    "<svg onload=alert(1)>", "<svg><animate onbegin=alert(1)>", "<img src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>", "javascript:alert(1)", "data:text/html,<h1>x</h1>",
    "<iframe srcdoc='<script>alert(1)</script>'>", "<object data=x>", "<embed src=x>",
    "<meta http-equiv=refresh content='0;url=x'>", "<base href=//evil>", "<link rel=import href=x>",
    "<style>*{background:url(//evil)}</style>", "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>", "<!--<script>alert(1)</script>-->", "--><b>x</b><!--",
    "{{ 7 * 7 }}", "{% raw %}{{ x }}{% endraw %}", "${7*7}", "&lt;script&gt;alert(1)",
    "<form action=//evil><input name=x></form>", "<details open ontoggle=alert(1)>",
    "\u202e<b>gpj.exe", "a\x00<b>\n<i>",
]  # fmt: skip
VOID = {"meta", "img", "input", "br", "link", "base", "rect"}


class Page(HTMLParser):
    """All tags and words of a page; it must be well formed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def find(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def make_entry(answer, seed: int = 0, size: tuple[int, int] = (60, 80)) -> ReportEntry:
    generator = np.random.default_rng(seed)
    mask = np.zeros(size, bool)
    mask[size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = True
    pixels = generator.integers(100, 220, (*size, 3), dtype=np.uint8)
    near = {case.image_id: pixels[:40, :40].copy() for case in answer.similar}
    return ReportEntry(answer, pixels, mask, {"globules": mask, "streaks": mask & False}, near)


@pytest.fixture
def page(tmp_path: Path, answer, silent_answer) -> str:
    entries = [make_entry(answer), ReportEntry(silent_answer, np.zeros((60, 80, 3), np.uint8))]
    failures = [Failure(Path("bad.jpg"), "truncated", "the file is cut off")]
    assert write_report(tmp_path / "r.html", entries, "Monday", failures=failures) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    return (tmp_path / "r.html").read_text(encoding="utf-8")


def test_no_script_nothing_from_outside_one_policy(page: str) -> None:
    parsed = Page(page)
    names = {name for name, _ in parsed.tags}
    assert not names & {"script", "iframe", "object", "embed", "form", "base", "link"}
    policies = [tag["content"] for tag in parsed.find("meta") if "http-equiv" in tag]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policies[0]
    for tag, attributes in parsed.tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            if name in attributes:
                assert attributes[name].startswith("#" if tag == "a" else "data:image/")


def test_the_policy_names_the_style(page: str) -> None:
    css = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = next(tag["content"] for tag in Page(page).find("meta") if "http-equiv" in tag)
    assert f"style-src 'sha256-{digest}'" in policy
    assert "url(" not in css
    assert "@import" not in css


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_names_are_words(tmp_path: Path, make_answer, answer, payload: str) -> None:
    name = clean_name(payload)
    similar = answer.similar[0].model_copy(update={"image_id": name, "link_text": payload})
    flag = answer.quality[0].model_copy(update={"text": payload})
    model = answer.models[0].model_copy(update={"name": payload, "licence": payload})
    hostile = make_answer(
        image=name, similar=(similar,), quality=(flag,), models=(model,), warnings=(payload,)
    )
    failures = [Failure(Path(payload.replace("\x00", "")), "x", payload)]
    path = tmp_path / "r.html"
    write_report(path, [make_entry(hostile)], payload, failures=failures)
    parsed = Page(path.read_text(encoding="utf-8"))
    plain = tmp_path / "plain.html"
    write_report(plain, [make_entry(answer)], "t", failures=[Failure(Path("f"), "x", "t")])
    known = Page(plain.read_text(encoding="utf-8"))
    assert [name for name, _ in parsed.tags] == [name for name, _ in known.tags]
    for (_, found), (_, expected) in zip(parsed.tags, known.tags, strict=True):
        assert found.keys() == expected.keys()
    assert name in parsed.words


def test_the_notice_is_on_top_and_below(page: str) -> None:
    words = Page(page).words
    assert words.index(NOTICE) < words.index("Overview")
    # Top, bottom and, for paper, each photograph.
    assert words.count(NOTICE) == 4


def test_readable_by_all(page: str) -> None:
    parsed = Page(page)
    assert parsed.find("html") == [{"lang": "en"}]
    identities = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(set(identities)) == len(identities)
    for link in parsed.find("a"):
        assert link["href"][1:] in identities
    labels = {label["for"] for label in parsed.find("label")}
    assert {attributes["id"] for attributes in parsed.find("input")} == labels
    for _, attributes in parsed.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            if name in attributes:
                assert attributes[name] in identities
    assert all("alt" in attributes for attributes in parsed.find("img"))
    shown = [a["alt"] for a in parsed.find("img") if a["alt"].startswith("Photograph")]
    assert len(shown) == 2
    assert "25.0 %" in shown[0]
    assert "mask is empty" in shown[1]
    assert parsed.words.count("No statement.") == 1


def test_quality_stands_before_probabilities(page: str) -> None:
    words = Page(page).words
    assert words.index("It is blurred.") < words.index("Class probabilities")
    second = words[words.index("does not look like a dermoscopy") :]
    assert "Melanoma" not in second.split("What the numbers mean")[0]
    assert "No statement. It is no dermoscopy." in second
    assert "outline, attributes and measures mean little" in second


def test_what_a_reader_looks_for(page: str) -> None:
    words = " ".join(Page(page).words.split())
    assert "BKL or MEL cannot be ruled out at 90 % coverage" in words
    assert "n = 10,015 photographs (5 folds)" in words
    assert "expected calibration error 0.021" in words
    assert "45 pixels (no scale given: no millimetres)" in words
    assert "light brown 70 %, dark brown 20 %" in words
    assert "bad.jpgthe file is cut off" in words
    assert "CC-BY-NC 4.0" in words


def test_the_overview_names_what_is_wrong(tmp_path: Path, make_answer) -> None:
    answer = make_answer(
        dermoscopy=Dermoscopy(score=0.1, threshold=0.5, is_dermoscopy=False),
        diagnosis=DiagnosisAnswer(
            probabilities=None, calibrated=False, abstained=True, reason="It is no dermoscopy."
        ),
        similar=(),
        quality=assess_quality(np.full((60, 80, 3), 5, np.uint8), np.zeros((60, 80), bool)),
    )
    write_report(tmp_path / "report.html", [make_entry(answer)], "One")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    badges = [a["class"] for a in page.find("span") if a.get("class", "").startswith("badge ")]
    assert badges == ["badge serious"] * 3 + ["badge warning"] * 2
    card = " ".join(page.words.split()).split("Overview")[1]
    for words in (
        "No statement",
        "No dermoscopy",
        "No lesion found",
        "Dark corners",
        "Small photograph",
    ):
        assert words in card


def test_every_flag_has_words() -> None:
    source = inspect.getsource(quality)
    codes = set(re.findall(r'code="(\w+)"', source))
    assert codes == set(FLAG_WORDS)


def test_evidence_against_is_said(answer) -> None:
    maps = {"MEL": np.ones((6, 8), np.float32), "NV": -np.ones((6, 8), np.float32)}
    words = Page(render_report([replace(make_entry(answer), evidence=maps)], "One")).words
    assert words.count("no place raised it") == 1


def test_layers_lie_over_the_photograph(page: str) -> None:
    parsed = Page(page)
    layers = [a for a in parsed.find("img") if a.get("class", "").startswith("layer")]
    assert [a["class"] for a in layers] == ["layer layer-globules", "layer layer-lesion"]
    boxes = [a for a in parsed.find("input") if a["type"] == "checkbox"]
    assert {a["class"] for a in boxes} == {"show-globules", "show-lesion"}
    css = (resources.files("nevus.analysis") / "templates" / "report.css").read_text("utf-8")
    for box in boxes:
        layer = box["class"].replace("show", "layer")
        assert f".{box['class']}:checked ~ .stage .{layer}" in css
    for layer in layers:
        data = base64.b64decode(layer["src"].split(",")[1])
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (640, 480)
            assert image.convert("RGBA").getpixel((0, 0))[3] == 0


def test_pictures_are_smaller_copies_without_metadata(tmp_path: Path, make_answer) -> None:
    entry = make_entry(make_answer(), size=(900, 1200))
    write_report(tmp_path / "r.html", [entry], "t", long_side=300)
    sizes = set()
    for tag in Page((tmp_path / "r.html").read_text(encoding="utf-8")).find("img"):
        data = base64.b64decode(tag["src"].split(",")[1])
        with Image.open(io.BytesIO(data)) as image:
            sizes.add(max(image.size))
            assert not set(image.info) & {"exif", "icc_profile", "comment", "xmp", "Comment"}
            assert (str(image.size[0]), str(image.size[1])) == (tag["width"], tag["height"])
    assert max(sizes) == 300


def test_photographs_are_let_go(tmp_path: Path, make_answer) -> None:
    alive: list[weakref.ref] = []
    most = 0

    def entries() -> Iterator[ReportEntry]:
        nonlocal most
        for place in range(12):
            entry = make_entry(make_answer(image=f"{place}.jpg"), place)
            alive.append(weakref.ref(entry))
            yield entry
            del entry
            gc.collect()
            most = max(most, sum(one() is not None for one in alive))

    assert write_report(tmp_path / "r.html", entries(), "t") == 12
    assert most <= 3
    parsed = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert len(parsed.find("article")) == 12
    assert [f"{place}.jpg" in parsed.words for place in range(12)] == [True] * 12


def test_no_photographs(tmp_path: Path) -> None:
    assert write_report(tmp_path / "r.html", [], "Nothing") == 0
    assert "No photograph to show." in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_failing_entry_leaves_the_old_page(tmp_path: Path, answer) -> None:
    (tmp_path / "r.html").write_text("old", encoding="utf-8")

    def entries() -> Iterator[ReportEntry]:
        yield make_entry(answer)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_report(tmp_path / "r.html", entries(), "t")
    entry = make_entry(answer)
    wrong = ReportEntry(answer, entry.pixels, entry.lesion[:-1])
    with pytest.raises(ValueError, match=r"photo\.jpg: lesion is"):
        write_report(tmp_path / "r.html", [wrong], "t")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_such_folder(tmp_path: Path, answer) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(tmp_path / "none" / "r.html", [make_entry(answer)], "t")


def test_the_same_twice(tmp_path: Path, answer) -> None:
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, [make_entry(answer)], "t")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_fewer_pixels_for_more_photographs() -> None:
    assert [choose_long_side(count) for count in (1, 100, 1000)] == [800, 640, 420]


def luminance(colour: str) -> float:
    values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_contrast_is_aa(theme: int) -> None:
    """WCAG 2.2, 1.4.3: 4.5 for text; 1.4.11: 3 for bars and borders of controls."""
    css = (resources.files("nevus.analysis") / "templates" / "report.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0]))
    colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[theme]))
    texts = [("text", "ground"), ("text", "card"), ("muted", "ground"), ("muted", "card")]
    texts += [("accent", "card"), ("accent", "chosen"), ("text", "chosen"), ("muted", "chosen")]
    texts += [(name, f"{name}-back") for name in ("serious", "warning", "info")]
    texts += [("notice-text", "notice"), ("text", "info-back"), ("warning", "card")]
    for front, back, least in [(*pair, 4.5) for pair in texts] + [
        ("part", "part-back", 3.0), ("part", "card", 3.0), ("focus", "card", 3.0),
    ]:  # fmt: skip
        one, other = luminance(colours[front]), luminance(colours[back])
        ratio = (max(one, other) + 0.05) / (min(one, other) + 0.05)
        assert ratio >= least, f"{front} on {back}: {ratio:.2f}"
