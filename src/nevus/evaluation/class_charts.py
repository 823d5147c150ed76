"""Where the lines and boxes of task 3 pictures lie: numbers for an SVG template."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from nevus.metrics.calibration import Reliability
from nevus.metrics.curves import Curve, Floats

SIDE: Final = 240
"""Width and height of a square plot, in SVG units; the template adds room for axes."""

CELL_WIDTH: Final = 72
CELL_HEIGHT: Final = 44

BAR_HEIGHT: Final = 50
"""Of the tallest bar in the strip that shows how many photographs each bin holds."""

# Even the darkest cell leaves near-black text a contrast above 5 : 1.
_LIGHTEST: Final = (255, 255, 255)
_DARKEST: Final = (86, 152, 214)
_STEP: Final = 0.5


def place_cells(
    confusion: Floats, names: tuple[str, ...], columns: int
) -> Iterator[dict[str, str | int]]:
    """Yield one box for each cell of a confusion matrix, darker the larger its share of the row.

    Args:
        confusion: (C, C + 1) counts.
        names: Of the classes, C.
        columns: How many are shown: C + 1 with the undecided ones, else C.
    """
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros_like(confusion), where=totals > 0)
    for row, column in np.ndindex(len(names), columns):
        share = float(shares[row, column])
        yield {
            "x": column * CELL_WIDTH,
            "y": row * CELL_HEIGHT,
            "fill": _mix(share),
            "count": f"{confusion[row, column]:g}",
            "share": f"{100 * share:.0f} %",
            "right": int(row == column),
        }


def _mix(share: float) -> str:
    parts = (
        round(light + (dark - light) * share)
        for light, dark in zip(_LIGHTEST, _DARKEST, strict=True)
    )
    return f"#{''.join(f'{part:02x}' for part in parts)}"


def trace_path(curve: Curve) -> str:
    """Return the ``d`` of an SVG path, thinned to what can be told apart on paper."""
    across, up = curve.fpr * SIDE, (1.0 - curve.tpr) * SIDE
    kept = _thin(across, up)
    points = [f"{across[place]:.1f} {up[place]:.1f}" for place in kept]
    return "M" + "L".join(points)


def _thin(across: npt.NDArray[np.float64], up: npt.NDArray[np.float64]) -> list[int]:
    kept = [0]
    for place in range(1, across.size - 1):
        last = kept[-1]
        if max(abs(across[place] - across[last]), abs(up[place] - up[last])) >= _STEP:
            kept.append(place)
    return [*kept, across.size - 1]


def place_bins(reliability: Reliability) -> Iterator[dict[str, str]]:
    """Yield for each filled bin its bar, its mean confidence, and how full it is."""
    tallest = reliability.weights.max()
    for place in np.flatnonzero(reliability.weights > 0):
        left, right = reliability.edges[place], reliability.edges[place + 1]
        accuracy = reliability.accuracy[place]
        filling = reliability.weights[place] / tallest * BAR_HEIGHT
        yield {
            "x": f"{left * SIDE:.1f}",
            "width": f"{(right - left) * SIDE:.1f}",
            "y": f"{(1 - accuracy) * SIDE:.1f}",
            "height": f"{accuracy * SIDE:.1f}",
            "point_x": f"{reliability.confidence[place] * SIDE:.1f}",
            "diagonal_y": f"{(1 - reliability.confidence[place]) * SIDE:.1f}",
            "filling_y": f"{BAR_HEIGHT - filling:.1f}",
            "filling": f"{filling:.1f}",
            "from": f"{left:.2f}",
            "to": f"{right:.2f}",
            "confidence": f"{reliability.confidence[place]:.3f}",
            "accuracy": f"{accuracy:.3f}",
            "n": f"{reliability.weights[place]:g}",
        }
