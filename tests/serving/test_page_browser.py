"""The page in a real browser, with the fake worker; skipped where no browser is installed."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image, ImageOps

from nevus.analysis.results import Analysis
from nevus.errors import NevusError
from nevus.labels import ATTRIBUTES, NOTICE
from nevus.runtime.zoo import read_zoo

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: the page is not tested in a browser"
)
expect = playwright.expect
expect.set_options(timeout=60_000)

PAYLOADS = (
    "<script>alert(1)</script>.png",
    "<img src=x onerror=alert(1)>.png",
    "<svg onload=alert(1)>.png",
    "<svg><script>alert(1)</script></svg>.png",
    '"><script>alert(1)</script>.png',
    "'><img src=x onerror=alert(1)>.png",
    '" onmouseover="alert(1)" x=".png',
    "' autofocus onfocus='alert(1)' x='.png",
    "javascript:alert(1).png",
    "<a href=javascript:alert(1)>x</a>.png",
    "<iframe src=javascript:alert(1)>.png",
    "<iframe srcdoc='<script>parent.alert(1)</script>'>.png",
    "<body onload=alert(1)>.png",
    "<details open ontoggle=alert(1)>.png",
    "<video><source onerror=alert(1)></video>.png",
    "<math><mtext><style><img src=x onerror=alert(1)></style>.png",
    "<input autofocus onfocus=alert(1)>.png",
    "<select onfocus=alert(1) autofocus>.png",
    "<marquee onstart=alert(1)>.png",
    "<object data=data:text/html,<script>alert(1)</script>>.png",
    "<embed src=javascript:alert(1)>.png",
    "<link rel=stylesheet href=//example.org/x.css>.png",
    "<meta http-equiv=refresh content=0;url=javascript:alert(1)>.png",
    "<base href=//example.org/>.png",
    "<form action=javascript:alert(1)><button>x</button></form>.png",
    "{{constructor.constructor('alert(1)')()}}.png",
    "${alert(1)}`${alert(1)}`.png",
    "</title></textarea></style></script><script>alert(1)</script>.png",
    "&lt;script&gt;alert(1)&lt;/script&gt;.png",
    "\u202egnp.)1(trela\u0000\r\nX-Header: 1.png",
)
PHONE = {"width": 375, "height": 667}
DESK = {"width": 1280, "height": 720}
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def find_browser() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium on this machine: the page is not tested in a browser")
    # Chromium refuses its sandbox to the superuser.
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as engine:
        try:
            live = engine.chromium.launch(
                executable_path=path, args=["--no-sandbox"] if root else [], headless=True
            )
        except playwright.Error as error:
            pytest.skip(f"{path} does not start: {error.message.splitlines()[0]}")
        yield live
        live.close()


@dataclass
class Visit:
    """A page, and all that it did."""

    page: Any
    address: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    allowed: tuple[str, ...] = ()

    def add(self, *files: tuple[str, bytes]) -> None:
        given = [{"name": n, "mimeType": "image/png", "buffer": d} for n, d in files]
        self.page.set_input_files("#files", given)

    def find(self, selector: str) -> Any:
        return self.page.locator(selector)

    def wait_done(self, count: int = 1) -> None:
        expect(self.find(".item.is-done")).to_have_count(count)

    def wait_layers(self) -> None:
        expect(self.find(".frame[data-layers=drawn]")).to_have_count(1)

    def check(self) -> None:
        bad = [one for one in self.errors if not any(part in one for part in self.allowed)]
        assert bad == []
        assert self.page.evaluate("() => window.violations") == []
        # Pictures that the page itself makes (blob:, data:) are of no host.
        assert self.hosts - {""} <= {urlsplit(self.address).netloc}


@pytest.fixture
def visit(browser: Any, server: Any) -> Iterator[Callable[..., Visit]]:
    """Open the page; at the end nothing may have gone wrong or elsewhere."""
    visits: list[Visit] = []

    def open_page(address: str = server.address, *, prepare: Any = None, **options: Any) -> Visit:
        context = browser.new_context(**{"viewport": DESK, "accept_downloads": True, **options})
        context.add_init_script(WATCH)
        page = context.new_page()
        page.set_default_timeout(60_000)
        seen = Visit(page, address)
        page.on("console", lambda m: m.type == "error" and seen.errors.append(m.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("dialog", lambda box: (seen.errors.append(f"dialog {box.message}"), box.dismiss()))
        page.on("popup", lambda _: seen.errors.append("popup"))
        page.on("request", lambda r: seen.hosts.add(urlsplit(r.url).netloc))
        if prepare:
            prepare(page)
        page.goto(address)
        visits.append(seen)
        return seen

    yield open_page
    for seen in visits:
        seen.hosts.discard("")
        seen.check()
        seen.page.context.close()


@pytest.fixture(scope="module")
def answer(server: Any, draw: Callable[..., bytes]) -> dict[str, Any]:
    """What the service says about a photograph, to be changed by tests."""
    (result,) = server.post([("a.png", draw())]).json()["results"]
    return dict(result)


def reply(result: dict[str, Any]) -> Callable[[Any], None]:
    body = json.dumps({"notice": NOTICE, "results": [result]})

    def prepare(page: Any) -> None:
        page.route("**/v1/analyze", lambda route: route.fulfill(json=json.loads(body)))

    return prepare


def enrich(result: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with a set, measures, findings and similar cases."""
    told = json.loads(json.dumps(result))
    analysis = told["analysis"]
    analysis["diagnosis"] |= {"conformal_set": ["NV", "MEL"], "coverage": 0.9, "calibrated": True}
    analysis["diagnosis"]["calibration"] = {
        "n": 1400, "ece": 0.021, "temperature": 1.5, "split": "held out",
    }  # fmt: skip
    shown = {"severity": "serious", "value": 1.0, "threshold": 0.5, "code": "x"}
    analysis["quality"] = [
        {**shown, "severity": "info", "text": "Dark corners."},
        {**shown, "text": "The photograph is blurred."},
    ]
    measures = dict.fromkeys(
        ("asymmetry_major", "asymmetry_minor", "asymmetry", "compactness", "solidity"), 0.25
    )
    analysis["abcd"] = {
        "empty": False, "area_share": 0.1, "area_pixels": 80, "perimeter_pixels": 30.0, **measures,
        "colour_shares": {"red": 0.4, "black": 0.6}, "colours": ["red", "black"],
        "colours_corrected": True, "feret_pixels": 12.0, "equal_area_pixels": 10.0,
        "feret_mm": None, "equal_area_mm": None,
    }  # fmt: skip
    analysis["similar"] = [
        {"image_id": "ISIC_0000001", "diagnosis": "NV", "distance": 0.25, "link_text": "look it up"}
    ]
    analysis["models"] = [
        {"name": "m", "task": "t", "sha256": "0" * 64, "licence": "MIT", "training_data": "d"}
    ]
    return told


def test_a_photograph_its_outline_and_layers(
    visit: Callable[..., Visit], draw: Callable[..., bytes]
) -> None:
    seen = visit()
    seen.add(("a.png", draw()))
    seen.wait_done()
    seen.wait_layers()
    assert seen.find(".stage .layer").count() == 6
    outline = seen.find(".layer.of-lesion .line")
    assert outline.evaluate("(path) => getComputedStyle(path).fill") == "none"
    streaks = seen.find(".layer.of-streaks")
    expect(streaks).to_be_visible()
    seen.page.get_by_label("Strength of Streaks").fill("30")
    assert streaks.evaluate("(layer) => getComputedStyle(layer).opacity") == "0.3"
    seen.page.get_by_label("Streaks", exact=True).uncheck()
    expect(streaks).to_be_hidden()
    expect(seen.find(".layer.of-globules")).to_be_visible()
    seen.page.get_by_role("button", name="Photograph alone").click()
    expect(seen.find(".layer.of-globules")).to_be_hidden()
    assert seen.find(".bars tbody tr").count() == 7
    assert seen.find(".numbers tbody tr").count() == len(ATTRIBUTES)
    expect(seen.find(".set")).to_have_count(0)
    assert "not calibrated" in seen.find(".readings").inner_text()
    assert "1 of 1 analysed" in seen.find("#told").inner_text()


def test_what_is_said_and_in_which_order(
    visit: Callable[..., Visit], draw: Callable[..., bytes], answer: dict[str, Any]
) -> None:
    seen = visit(prepare=reply(enrich(answer)))
    seen.add(("a.png", draw()))
    seen.wait_done()
    findings = seen.find(".findings li").all_inner_texts()
    assert findings == ["Photo fault The photograph is blurred.", "Note Dark corners."]
    before = "(list) => list.compareDocumentPosition(document.querySelector('.frame')) & 4"
    assert seen.find(".findings").evaluate(before)
    told = "Melanocytic nevus or Melanoma cannot be ruled out at 90 % coverage."
    expect(seen.find(".set")).to_have_text(told)
    assert seen.find(".bars .chosen").count() == 2
    assert "Calibrated on n = 1,400" in seen.find(".readings").inner_text()
    measures = seen.find(".measures").inner_text()
    assert "red 40\u00a0%, black 60\u00a0%" in measures
    assert "12 pixels (no scale given: no millimetres)" in measures
    expect(seen.find(".left-out li")).to_have_count(6)
    similar = seen.find(".similar tbody").inner_text()
    assert "ISIC_0000001" in similar
    assert "0.250" in similar
    expect(seen.find(".similar a, .similar img")).to_have_count(0)
    expect(seen.find(".badge")).to_have_text("Serious finding")


def test_no_dermoscopy_and_no_lesion(
    visit: Callable[..., Visit], draw: Callable[..., bytes], answer: dict[str, Any]
) -> None:
    told = enrich(answer)
    analysis = told["analysis"]
    analysis["dermoscopy"] = {"score": 0.1, "threshold": 0.5, "is_dermoscopy": False}
    analysis["diagnosis"] = {
        "probabilities": None, "calibrated": False, "calibration": None, "conformal_set": [],
        "coverage": None, "abstained": True, "reason": "Not a dermoscopy.",
    }  # fmt: skip
    analysis["segmentation"] |= {"empty": True, "area_share": 0.0}
    analysis["abcd"] |= {"empty": True}
    stream = io.BytesIO()
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(stream, "PNG")
    told["masks"]["lesion"] = base64.b64encode(stream.getvalue()).decode()
    seen = visit(prepare=reply(told))
    seen.add(("a.png", draw()))
    seen.wait_done()
    seen.wait_layers()
    text = seen.find("#detail").inner_text()
    assert "does not look like a dermoscopy" in seen.find(".findings li").first.inner_text()
    assert "No lesion was found: the mask is empty." in text
    assert "No statement. Not a dermoscopy." in text
    assert "Nothing to measure" in text
    for word in ("Melanoma", "Similar training cases", "cannot be ruled out"):
        assert word not in text
    expect(seen.page.get_by_label("Lesion outline", exact=True)).to_be_disabled()
    expect(seen.find(".layer.of-lesion")).to_have_count(0)


def test_wrong_files_beside_good_ones(
    visit: Callable[..., Visit], draw: Callable[..., bytes]
) -> None:
    seen = visit()
    seen.add(("a.png", b"GIF89a none"), ("b.png", draw()), ("c.png", b""))
    seen.wait_done(1)
    expect(seen.find(".item.is-failed")).to_have_count(2)
    assert "the file is empty" in seen.find(".item").nth(2).inner_text()
    assert seen.find(".item").nth(0).locator(".state").inner_text()
    expect(seen.page.get_by_role("button", name="Try again", exact=True)).to_have_count(0)
    expect(seen.find("#count")).to_have_text("1 of 3 analysed, 2 not possible")
    seen.find(".item").nth(0).get_by_role("button", name="Remove a.png").click()
    expect(seen.find(".item")).to_have_count(2)


def test_a_busy_server_is_asked_again(
    visit: Callable[..., Visit], draw: Callable[..., bytes]
) -> None:
    asked: list[int] = []

    def be_busy_once(route: Any) -> None:
        asked.append(1)
        if len(asked) > 1:
            route.continue_()
            return
        error = {"error": {"code": "queue_full", "text": "full", "hint": None}}
        route.fulfill(status=429, headers={"Retry-After": "1"}, json=error)

    seen = visit(prepare=lambda page: page.route("**/v1/analyze", be_busy_once))
    seen.allowed = ("429",)
    seen.add(("a.png", draw()))
    expect(seen.find(".item.is-pausing .state")).to_have_text("The server is busy, again in 1 s")
    seen.wait_done()
    assert len(asked) == 2


def test_a_worker_that_died_and_cancelling(visit: Callable[..., Visit]) -> None:
    seen = visit()
    # A worker that is being replaced may make the second photograph wait.
    seen.allowed = ("500", "429", "503", "504")
    seen.add(("a.png", b"order die"))
    expect(seen.find(".item.is-failed")).to_have_count(1)
    expect(seen.page.get_by_role("button", name="Try again", exact=True)).to_be_visible()
    seen.add(("b.png", b"order sleep 2"))
    seen.page.get_by_role("button", name="Cancel b.png").click()
    expect(seen.find(".item")).to_have_count(1)


def test_a_token_lives_in_memory_alone(
    visit: Callable[..., Visit], draw: Callable[..., bytes]
) -> None:
    def guard(route: Any) -> None:
        if route.request.headers.get("authorization") == "Bearer right":
            route.continue_()
        else:
            error = {"error": {"code": "no_token", "text": "none", "hint": None}}
            route.fulfill(status=401, json=error)

    seen = visit(prepare=lambda page: page.route("**/v1/**", guard))
    seen.allowed = ("401",)
    entry = seen.page.get_by_label("This server asks for a token")
    expect(entry).to_be_visible()
    seen.add(("a.png", draw()))
    expect(seen.find(".item.is-held")).to_have_count(1)
    entry.fill("wrong")
    entry.press("Enter")
    expect(seen.find("#trouble-text")).to_have_text("The server does not take this token.")
    entry.fill("right")
    entry.press("Enter")
    seen.wait_done()
    expect(entry).to_be_hidden()
    expect(seen.find("#trouble")).to_be_hidden()
    kept = "() => [localStorage.length, sessionStorage.length, document.cookie, location.href]"
    assert seen.page.evaluate(kept) == [0, 0, "", seen.address]
    seen.page.reload()
    expect(entry).to_be_visible()


def test_a_server_that_goes_and_comes_back(
    visit: Callable[..., Visit], run_server: Callable[..., Any], draw: Callable[..., bytes]
) -> None:
    first = run_server(workers=1)
    first.wait_ready()
    seen = visit(first.address)
    seen.allowed = ("ERR_", "503")
    seen.add(("a.png", draw(1)))
    seen.wait_done()
    seen.add(("b.png", b"order sleep 60"), ("c.png", draw(2)))
    expect(seen.find(".item.is-analysing").first).to_be_visible()
    first.process.kill()
    first.process.wait()
    expect(seen.find("#trouble-text")).to_contain_text("The server does not answer.")
    expect(seen.find("#server")).to_have_text("Not reachable")
    expect(seen.find(".item")).to_have_count(3)
    expect(seen.find(".item.is-held")).to_have_count(2)
    seen.page.get_by_role("button", name="Remove b.png").click()
    seen.page.get_by_role("button", name="Try again", exact=True).click()
    expect(seen.find("#trouble-text")).to_be_visible()
    second = run_server(workers=1, port=urlsplit(first.address).port)
    second.wait_ready()
    seen.page.get_by_role("button", name="Try again", exact=True).click()
    seen.wait_done(2)
    expect(seen.find("#trouble")).to_be_hidden()
    expect(seen.find("#server")).to_have_text("Ready")


def test_names_run_nothing(visit: Callable[..., Visit]) -> None:
    assert len(PAYLOADS) == 30
    seen = visit()
    # Files that are refused: names come back in the service's own words, too.
    seen.add(*((name, b"no picture") for name in PAYLOADS))
    expect(seen.find(".item.is-failed")).to_have_count(30)
    shown = seen.find(".item .name").all_text_contents()
    assert shown[:-1] == list(PAYLOADS[:-1])
    assert "[U+202E]" in shown[-1]
    for place in range(0, 30, 5):
        seen.find(".select").nth(place).click()
        expect(seen.find("#detail-name")).to_have_text(shown[place])
    assert seen.find("#list script, #list img, #list iframe, #list a, #list form").count() == 0


def test_names_of_good_photographs_and_labels_run_nothing(
    visit: Callable[..., Visit], draw: Callable[..., bytes], answer: dict[str, Any]
) -> None:
    told = enrich(answer)
    everything = "".join(PAYLOADS[:-1])
    told["name"] = told["analysis"]["image"] = everything
    told["analysis"]["warnings"] = [everything]
    for one in told["analysis"]["quality"]:
        one["text"] = everything
    told["analysis"]["similar"][0] |= {"image_id": everything, "link_text": everything}
    told["analysis"]["models"][0] |= {"name": everything, "licence": everything}
    told["analysis"]["colours"] = told["analysis"]["abcd"].pop("colours")
    told["analysis"]["abcd"]["colours"] = [everything]
    told["analysis"]["diagnosis"]["conformal_set"] = [everything]
    told["analysis"]["diagnosis"]["calibration"]["split"] = everything
    seen = visit(prepare=reply(told))
    seen.add((everything, draw()))
    seen.wait_done()
    seen.wait_layers()
    assert everything in seen.find("#detail").text_content()
    assert seen.find("#detail script, #detail iframe, #detail a, #detail form").count() == 0


def check_access(page: Any) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    found = axe.Axe().run(page).response["violations"]
    grave = [
        (one["id"], [node["html"][:120] for node in one["nodes"]])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert grave == []


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", DESK), ("light", PHONE)])
def test_people_with_other_ways_of_reading(
    visit: Callable[..., Visit],
    draw: Callable[..., bytes],
    answer: dict[str, Any],
    scheme: str,
    size: dict[str, int],
) -> None:
    told = enrich(answer)
    refused = {"name": "b", "error": {"code": "damaged", "text": "cut off", "hint": "send it"}}
    results = [told, refused]

    def respond(route: Any) -> None:
        route.fulfill(json={"notice": NOTICE, "results": [results.pop(0)]})

    def prepare(page: Any) -> None:
        page.route("**/v1/analyze", respond)

    seen = visit(prepare=prepare, color_scheme=scheme, viewport=size, has_touch=size is PHONE)
    check_access(seen.page)
    seen.add(("a.png", draw()))
    seen.wait_done()
    seen.wait_layers()
    seen.add(("b.png", draw()))
    expect(seen.find(".item.is-failed")).to_have_count(1)
    unfold = """() => {
      for (const one of document.querySelectorAll("details")) one.open = true;
      document.querySelector("#trouble").hidden = false;
      document.querySelector("#token").hidden = false;
    }"""
    seen.page.evaluate(unfold)
    check_access(seen.page)
    wide = "() => document.documentElement.scrollWidth - innerWidth"
    assert seen.page.evaluate(wide) <= 0


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_notice_is_seen_at_once_and_stays(
    visit: Callable[..., Visit], draw: Callable[..., bytes], size: dict[str, int]
) -> None:
    seen = visit(viewport=size)
    notice = seen.page.get_by_text(NOTICE, exact=True).first

    def is_seen() -> bool:
        box = notice.bounding_box()
        return bool(box["y"] >= 0 and box["y"] + box["height"] <= size["height"])

    assert is_seen()
    expect(seen.page.get_by_role("button", name="Choose photographs")).to_be_in_viewport()
    seen.add(("a.png", draw()))
    seen.wait_done()
    seen.wait_layers()
    assert is_seen()
    seen.page.evaluate("() => window.scrollTo(0, document.body.scrollHeight)")
    assert is_seen()


def press_until(seen: Visit, selector: str, most: int = 60) -> None:
    """Press Tab until an element has the focus, and check that this can be seen."""
    for _ in range(most):
        seen.page.keyboard.press("Tab")
        if seen.find(f"{selector}:focus").count():
            style = "(one) => getComputedStyle(one).outlineStyle"
            assert seen.find(selector).first.evaluate(style) == "solid"
            return
    raise AssertionError(f"{selector} is not reached")


def test_the_keyboard_alone(visit: Callable[..., Visit], draw: Callable[..., bytes]) -> None:
    # Listened to from the start: the browser has to know before Enter that nobody sees its dialog.
    seen = visit(prepare=lambda page: page.on("filechooser", lambda _: None))
    press_until(seen, "#choose")
    with seen.page.expect_file_chooser() as chooser:
        seen.page.keyboard.press("Enter")
    picture = {"mimeType": "image/png", "buffer": draw()}
    chooser.value.set_files([{"name": "a.png", **picture}, {"name": "b.png", **picture}])
    seen.wait_done(2)
    press_until(seen, ".item:nth-child(2) .select")
    seen.page.keyboard.press("Enter")
    expect(seen.find("#detail-name")).to_have_text("b.png")
    seen.wait_layers()
    press_until(seen, ".frame")
    moved = seen.find(".stage")
    start = moved.get_attribute("style")
    seen.page.keyboard.press("+")
    expect(seen.find(".zoom")).to_have_text("130 %")
    zoomed = moved.get_attribute("style")
    seen.page.keyboard.press("ArrowRight")
    assert len({start, zoomed, moved.get_attribute("style")}) == 3
    seen.page.keyboard.press("-")
    seen.page.keyboard.press("0")
    assert moved.get_attribute("style") == start
    press_until(seen, "input[name=globules]")
    seen.page.keyboard.press("Space")
    expect(seen.find(".layer.of-globules")).to_be_hidden()
    press_until(seen, ".curtain")


def test_wheel_and_pointer(visit: Callable[..., Visit], draw: Callable[..., bytes]) -> None:
    seen = visit()
    seen.add(("a.png", draw()))
    seen.wait_done()
    seen.wait_layers()
    frame = seen.find(".frame")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    seen.page.mouse.move(*middle)
    seen.page.mouse.wheel(0, -60)
    expect(seen.find(".zoom")).to_have_text("100 %")
    frame.focus()
    seen.page.mouse.wheel(0, -60)
    expect(seen.find(".zoom")).not_to_have_text("100 %")
    before = seen.find(".stage").get_attribute("style")
    seen.page.mouse.move(*middle)
    seen.page.mouse.down()
    seen.page.mouse.move(middle[0] + 10, middle[1] + 5)
    seen.page.mouse.up()
    assert seen.find(".stage").get_attribute("style") != before


def fetch(seen: Visit, name: str) -> tuple[str, bytes]:
    with seen.page.expect_download() as waiting:
        seen.page.get_by_role("button", name=name, exact=True).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_downloads(
    visit: Callable[..., Visit], draw: Callable[..., bytes], answer: dict[str, Any]
) -> None:
    seen = visit()
    seen.add(("a b<c>.png", draw()), ("a b<c>.PNG", draw(1)))
    seen.wait_done(2)
    name, data = fetch(seen, "JSON")
    assert name == "a_b_c_.json"
    analysis = Analysis.model_validate_json(data)
    assert analysis.segmentation is not None
    assert analysis.segmentation.file == "a_b_c__segmentation.png"
    name, data = fetch(seen, "Masks (zip)")
    assert name == "a_b_c_.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("NOTICE.txt").decode().strip() == NOTICE
        for mask in ATTRIBUTES:
            png = archive.read(f"a_b_c__attribute_{mask}.png")
            assert png == base64.b64decode(answer["masks"][mask])
    name, data = fetch(seen, "All results (zip)")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {"a_b_c_.json", "a_b_c_-2.json"} <= set(archive.namelist())
    name, data = fetch(seen, "Report")
    assert name == "a_b_c__report.html"
    assert NOTICE in data.decode()
    name, data = fetch(seen, "Report of all")
    assert name == "nevus_report.html"


SEND = """([kind, bytes]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([Uint8Array.from(bytes)], "image.png", { type: "image/png" }));
  const given = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(kind === "paste"
    ? new ClipboardEvent("paste", { ...given, clipboardData: carried })
    : new DragEvent("drop", { ...given, dataTransfer: carried }));
}"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_pasted_and_dropped(
    visit: Callable[..., Visit], draw: Callable[..., bytes], kind: str
) -> None:
    seen = visit()
    seen.page.evaluate(SEND, [kind, list(draw())])
    seen.wait_done()


def test_paper(visit: Callable[..., Visit], draw: Callable[..., bytes]) -> None:
    seen = visit(color_scheme="dark")
    seen.add(("a.png", draw()))
    seen.wait_done()
    seen.wait_layers()
    seen.page.emulate_media(media="print")
    for hidden in (".intake", ".queue", ".actions", ".tools"):
        expect(seen.find(hidden).first).to_be_hidden()
    expect(seen.page.get_by_text(NOTICE, exact=True).first).to_be_visible()
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert seen.page.evaluate(ground) == "rgb(255, 255, 255)"


def test_without_scripts(visit: Callable[..., Visit], browser: Any, server: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.address)
    assert page.locator("noscript p").is_visible()
    assert "needs JavaScript" in page.locator("noscript p").inner_text()
    assert page.get_by_text(NOTICE, exact=True).is_visible()
    context.close()


@pytest.fixture(scope="module")
def analyser(
    plain_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Path | None], str]]:
    """Start the real command with the models of a folder, or with those that ship."""
    running: list[subprocess.Popen[str]] = []

    def start(models: Path | None) -> str:
        command = [sys.executable, "-m", "nevus", "serve", "--port", "0", "--workers", "1"]
        if models is not None:
            command += ["--models", str(models)]
        with (tmp_path_factory.mktemp("analyser") / "log.txt").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        running.append(process)
        assert process.stdout is not None
        return process.stdout.readline().split()[-1]

    yield start
    for process in running:
        assert process.stdout is not None
        process.terminate()
        process.wait(60)
        process.stdout.close()


def draw_turned(orientation: int) -> tuple[bytes, np.ndarray]:
    """Return a JPEG with a dark lesion off the middle, and that lesion as people see it."""
    rows, columns = np.mgrid[:120, :160]
    inside = ((rows - 40) / 22) ** 2 + ((columns - 50) / 35) ** 2 < 1
    pixels = np.where(inside[..., None], (70, 50, 40), (225, 185, 165)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", exif=exif, quality=95)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(stream)).convert("L"))
    return stream.getvalue(), upright < 130


def find_box(mask: np.ndarray) -> np.ndarray:
    """Return left, top, right, bottom as shares of the frame."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    corners = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    return np.array(corners) / (width, height, width, height)


BOX = """(path) => {
  const [inner, outer] = [path, path.closest(".frame")].map((one) => one.getBoundingClientRect());
  return [
    (inner.left - outer.left) / outer.width, (inner.top - outer.top) / outer.height,
    (inner.right - outer.left) / outer.width, (inner.bottom - outer.top) / outer.height,
  ];
}"""


def test_turned_photographs_stand_upright_under_their_masks(
    visit: Callable[..., Visit], analyser: Callable[..., str], plain_models: Path
) -> None:
    seen = visit(analyser(plain_models))
    seen.allowed = ("503",)
    drawn = {one: draw_turned(one) for one in (1, 2, 3, 4, 5, 6, 7, 8)}
    seen.add(*((f"{one}.jpg", data) for one, (data, _) in drawn.items()))
    seen.wait_done(8)
    for place, (_, lesion) in enumerate(drawn.values()):
        seen.find(".select").nth(place).click()
        expect(seen.find("#detail-name")).to_have_text(f"{place + 1}.jpg")
        seen.wait_layers()
        box = seen.find(".layer.of-lesion .line").evaluate(BOX)
        assert box == pytest.approx(find_box(lesion), abs=0.04)
        seen.page.get_by_role("button", name="Photograph alone").click()
        shot = Image.open(io.BytesIO(seen.find(".frame").screenshot())).convert("L")
        assert find_box(np.asarray(shot)[8:-8, 8:-8] < 110) == pytest.approx(
            find_box(lesion), abs=0.06
        )


@pytest.mark.real
def test_a_real_photograph(
    visit: Callable[..., Visit], analyser: Callable[..., str], plain_models: Path, real: Path
) -> None:
    try:
        read_zoo()
        models = None
    except NevusError:
        models = plain_models
    seen = visit(analyser(models))
    seen.allowed = ("503",)
    seen.page.set_input_files("#files", [str(real / "fullsize" / "ISIC_0000001.jpg")])
    seen.wait_done()
    seen.wait_layers()
    box = np.array(seen.find(".layer.of-lesion .line").evaluate(BOX))
    # The lesion lies around the middle, well within the frame.
    assert (box[:2] < 0.5).all()
    assert (box[2:] > 0.5).all()
    assert "The lesion covers" in seen.find("#detail").inner_text()
