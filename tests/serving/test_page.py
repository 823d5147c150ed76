"""The page's files without a browser: nothing inline, nothing from elsewhere, nothing dangerous."""

import json
import re
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest

from nevus.analysis.definitions import DEFINITIONS, NOT_ASSESSED
from nevus.analysis.wording import ATTRIBUTE_WORDS, COLOUR_WORDS, DIAGNOSIS_WORDS, SEVERITY_WORDS
from nevus.imaging.palette import ATTRIBUTE_COLORS
from nevus.labels import NOTICE
from nevus.serving.pages import read_page

PAGE = {
    file.name: file.read_text(encoding="utf-8")
    for file in (resources.files("nevus.serving") / "page").iterdir()
}
SCRIPTS = sorted(name for name in PAGE if name.endswith(".js"))
STYLES = sorted(name for name in PAGE if name.endswith(".css"))
WORDS = json.loads(PAGE["words.js"].partition("WORDS = ")[2].rstrip().rstrip(";"))


class Elements(HTMLParser):
    """All elements with their attributes, and the text below `script` and `style`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] in {"script", "style"}:
            self.inline += data.strip()


INDEX = Elements(PAGE["index.html"])


def test_nothing_stands_inline() -> None:
    assert INDEX.inline == ""
    for tag, attributes in INDEX.found:
        assert tag not in {"style", "iframe", "object", "embed", "base"}
        wrong = [name for name in attributes if name == "style" or name.startswith("on")]
        assert not wrong, (tag, wrong)


def test_all_addresses_are_the_servers_own() -> None:
    for tag, attributes in INDEX.found:
        for name in {"src", "href", "action", "srcset"} & set(attributes):
            assert re.fullmatch(r"/[a-z].*|#[a-z]+", attributes[name] or ""), (tag, attributes)
    for name, text in PAGE.items():
        # Namespaces are names; nothing is fetched from them.
        bare = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|wss?://|@import|url\((?!#)", bare), name
        assert not re.search(r"[\"'`(]//\w", bare), name


def test_every_file_that_is_named_is_served() -> None:
    served = read_page()
    for _, attributes in INDEX.found:
        for place in (attributes.get("src"), attributes.get("href")):
            if place and place.startswith("/page/"):
                assert place in served
    for name in PAGE:
        assert f"/page/{name}" in served


@pytest.mark.parametrize("name", SCRIPTS)
def test_imports_resolve(name: str) -> None:
    for names, place in re.findall(r"^import (.+?) from \"(.+?)\";$", PAGE[name], re.MULTILINE):
        assert place.startswith("./")
        target = PAGE[place.removeprefix("./")]
        wanted = re.findall(r"\w+", names) if names.startswith("{") else []
        for one in wanted:
            kinds = "function|async function|class|const"
            assert re.search(rf"^export (?:{kinds}) {one}\b", target, re.MULTILINE), (name, one)
    lines = [line for line in PAGE[name].splitlines() if re.match(r"import\b", line)]
    assert len(lines) == len(re.findall(r"^import .+ from \".+\";$", PAGE[name], re.MULTILINE))


def test_every_script_is_used() -> None:
    used, waiting = set(), ["main.js"]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += re.findall(r"from \"\./(.+?)\"", PAGE[name])
    assert sorted(used) == SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_text_becomes_markup_or_code(name: str) -> None:
    ways = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment"
        r"|\beval\b|new Function|setAttribute\(\"(?:style|on)|localStorage|sessionStorage|cookie"
        r"|indexedDB|serviceWorker|sendBeacon|WebSocket|import\("
    )
    assert not re.search(ways, PAGE[name])


@pytest.mark.parametrize("name", [*SCRIPTS, *STYLES])
def test_files_are_short(name: str) -> None:
    assert len(PAGE[name].splitlines()) < 250


def test_every_id_that_scripts_ask_for_is_there() -> None:
    ids = [attributes["id"] for _, attributes in INDEX.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    asked = re.findall(r"\bget\(\"([\w-]+)\"\)", "".join(PAGE[name] for name in SCRIPTS))
    assert set(asked) <= set(ids)


def test_the_notice_and_a_word_for_those_without_scripts() -> None:
    body = PAGE["index.html"].partition("<body>")[2]
    assert f'<p class="notice">{NOTICE}</p>' in body
    assert body.index(NOTICE) < body.index("<main>")
    assert "<noscript>" in body
    assert WORDS["notice"] == NOTICE


def test_landmarks_and_language() -> None:
    tags = [tag for tag, _ in INDEX.found]
    assert [tags.count(one) for one in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    assert dict(INDEX.found)["html"]["lang"] == "en"


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("diagnoses", DIAGNOSIS_WORDS),
        ("attributes", ATTRIBUTE_WORDS),
        ("colours", COLOUR_WORDS),
        ("severities", SEVERITY_WORDS),
        ("notAssessed", list(NOT_ASSESSED)),
        ("definitions", [one.model_dump() for one in DEFINITIONS]),
    ],
)
def test_the_words_are_those_of_the_report(name: str, here: Any) -> None:
    assert WORDS[name] == here
    # Order is shown, too.
    assert list(WORDS[name]) == list(here)


def test_the_colours_are_those_of_the_report() -> None:
    for name, colour in ATTRIBUTE_COLORS.items():
        value = "#{:02x}{:02x}{:02x}".format(*colour)
        assert f".of-{name} {{ --ink: {value}; }}" in PAGE["detail.css"]


def test_files_are_named_as_the_service_names_them() -> None:
    from nevus.labels import attribute_name, segmentation_name

    source = PAGE["downloads.js"]
    assert segmentation_name("${stem}") in source
    assert attribute_name("${stem}", "streaks").replace("streaks", "${name}") in source
