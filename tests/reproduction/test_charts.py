"""Pictures: well-formed, with every line and point in its place."""

import xml.etree.ElementTree as ElementTree

import numpy as np

from nevus.reproduction.charts import HEIGHT, MARGIN, WIDTH, Line, draw_lines, draw_scatter
from nevus.reproduction.outcome import POINTS, thin_curve
from nevus.reproduction.pages import tell

SVG = "{http://www.w3.org/2000/svg}"


def test_lines() -> None:
    lines = [Line("a <b>", [1, 10], [2.0, 1.0]), Line("c", [5, 10], [None, 0.0])]
    root = ElementTree.fromstring(draw_lines(lines, title="t & u", across="step", up="loss"))
    first, second = (line.attrib["points"].split() for line in root.iter(f"{SVG}polyline"))
    assert first == [
        f"{MARGIN + WIDTH / 10:.1f},{MARGIN:.1f}",
        f"{MARGIN + WIDTH:.1f},{MARGIN + HEIGHT / 2:.1f}",
    ]
    assert second == [f"{MARGIN + WIDTH:.1f},{MARGIN + HEIGHT:.1f}"]
    assert "a <b>" in [text.text for text in root.iter(f"{SVG}text")]


def test_scatter() -> None:
    across, up = np.array([0.0, 0.5, 1.0]), np.array([0.2, 0.4, 1.0])
    root = ElementTree.fromstring(draw_scatter(across, up, title="t", names=("a", "b")))
    assert len(list(root.iter(f"{SVG}circle"))) == 3
    assert any("n = 3; higher by b: 1" in (text.text or "") for text in root.iter(f"{SVG}text"))


def test_curves_are_thinned_to_means() -> None:
    entries = [{"step": s, "epoch": 1, "lr": 0.1, "loss": float(s)} for s in range(1, 601)]
    entries.append({"step": 600, "epoch": 1, "validation": True, "metric": 1.0})
    curve = thin_curve(entries)
    assert set(curve) == {"step", "loss"}
    assert len(curve["step"]) == POINTS
    assert (curve["step"][0], curve["loss"][0]) == (10, 5.5)


def test_numbers_are_told_as_in_the_documents() -> None:
    assert [tell(v) for v in (0.80741, -0.00123, 1.0, 0.0)] == [
        ".8074",
        "-.0012",
        "1.0000",
        ".0000",
    ]
    assert tell(0.8, digits=2) == ".80"
