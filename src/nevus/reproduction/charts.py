"""Training curves and scatters as SVG files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 560
HEIGHT: Final = 320
SIDE: Final = 320
MARGIN: Final = 48
_FEW: Final = 30
COLORS: Final = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#8a8a8a",
)  # fmt: skip
"""Okabe and Ito's colours, told apart by colour-blind readers too."""


@dataclass(frozen=True)
class Line:
    """A training curve.

    Attributes:
        title: Its name.
        steps: Across.
        values: Up; None where there is none.
    """

    title: str
    steps: Sequence[int]
    values: Sequence[float | None]


def draw_lines(lines: Sequence[Line], *, title: str, across: str, up: str) -> str:
    """Return an SVG of curves with axes from 0 and a legend."""
    widest = max((step for line in lines for step in line.steps), default=1) or 1
    tallest = max((v for line in lines for v in line.values if v is not None), default=1.0) or 1.0
    body = list(_axes(WIDTH, HEIGHT, widest, tallest, across, up))
    for place, line in enumerate(lines):
        color = COLORS[place % len(COLORS)]
        dash = ' stroke-dasharray="5 3"' if place >= len(COLORS) else ""
        points = " ".join(
            f"{MARGIN + step / widest * WIDTH:.1f},{MARGIN + (1 - value / tallest) * HEIGHT:.1f}"
            for step, value in zip(line.steps, line.values, strict=True)
            if value is not None
        )
        body.append(
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"{dash}/>'
        )
        if sum(value is not None for value in line.values) <= _FEW:
            # A line through one point shows nothing.
            body += [
                f'<circle cx="{across_}" cy="{up_}" r="2.5" fill="{color}"/>'
                for across_, up_ in (one.split(",") for one in points.split())
            ]
        top = MARGIN + 14 * place
        left = MARGIN + WIDTH + 12
        body.append(
            f'<line x1="{left}" x2="{left + 18}" y1="{top}" y2="{top}" stroke="{color}" '
            f'stroke-width="2"{dash}/>'
            f'<text x="{left + 24}" y="{top + 4}">{escape(line.title)}</text>'
        )
    height = max(HEIGHT, 14 * len(lines)) + 2 * MARGIN
    return _wrap(title, body, WIDTH + MARGIN + 240, height)


def draw_scatter(
    across: NDArray[np.float64],
    up: NDArray[np.float64],
    *,
    title: str,
    names: tuple[str, str],
) -> str:
    """Return an SVG with a point for each photograph, both values in [0, 1], and the diagonal."""
    body = list(_axes(SIDE, SIDE, 1.0, 1.0, *names))
    body.append(
        f'<line x1="{MARGIN}" y1="{MARGIN + SIDE}" x2="{MARGIN + SIDE}" y2="{MARGIN}" '
        'stroke="#999"/>'
    )
    body += [
        f'<circle cx="{MARGIN + x * SIDE:.1f}" cy="{MARGIN + (1 - y) * SIDE:.1f}" r="1.6" '
        'fill="#0072b2" fill-opacity="0.35"/>'
        for x, y in zip(across.tolist(), up.tolist(), strict=True)
    ]
    higher = int((up > across).sum())
    body.append(
        f'<text x="{MARGIN}" y="{MARGIN - 8}">n = {len(up)}; higher by {escape(names[1])}: '
        f"{higher}</text>"
    )
    return _wrap(title, body, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN)


def pick_term(curve: Mapping[str, Sequence[Any]]) -> str | None:
    """Return the loss term that a training's curve is drawn of."""
    for name in ("adversarial", "loss", "cross_entropy", "triplet"):
        if name in curve:
            return name
    return None


def _axes(
    width: int, height: int, widest: float, tallest: float, across: str, up: str
) -> Iterator[str]:
    right, bottom = MARGIN + width, MARGIN + height
    yield f'<path d="M{MARGIN} {MARGIN}V{bottom}H{right}" fill="none" stroke="#333"/>'
    edge = MARGIN - 7
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = MARGIN + part * width, bottom - part * height
        values = f"{part * widest:.4g}", f"{part * tallest:.3g}"
        yield f'<path d="M{x:.1f} {bottom}v4M{MARGIN} {y:.1f}h-4" stroke="#333"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{values[0]}</text>'
        yield f'<text x="{edge}" y="{y + 4:.1f}" text-anchor="end">{values[1]}</text>'
    yield (
        f'<text x="{MARGIN + width / 2:.1f}" y="{bottom + 34}" text-anchor="middle">'
        f"{escape(across)}</text>"
    )
    yield (
        f'<text transform="translate(9 {MARGIN + height / 2:.1f}) rotate(-90)" '
        f'text-anchor="middle">{escape(up)}</text>'
    )


def _wrap(title: str, body: Sequence[str], width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )
