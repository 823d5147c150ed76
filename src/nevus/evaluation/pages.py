"""A page of the best, middle and worst masks: one HTML file that needs nothing else."""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from nevus.evaluation.rendering import render_page
from nevus.evaluation.scores import SegmentationScores
from nevus.evaluation.writing import write_result
from nevus.imaging.drawing import draw_outline, encode_jpeg, fit_within
from nevus.imaging.resizing import resize_mask

LONG_SIDE: Final = 480
# Far from every skin colour, told apart by the colour-blind, and of different width besides.
_TRUTH_COLOR: Final = (0, 229, 255)
_PREDICTION_COLOR: Final = (255, 214, 0)
_TRUTH_WIDTH: Final = 4
_PREDICTION_WIDTH: Final = 2


@dataclass(frozen=True)
class GalleryItem:
    """One photograph of a gallery.

    Args:
        image_id: Its name, shown escaped.
        pixels: (H, W, 3) uint8 RGB.
        truth: (H, W) bool.
        prediction: (H, W) bool.
        score: Jaccard, in [0, 1].
        group: The heading it stands under; items of one group follow each other.
    """

    image_id: str
    pixels: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.bool_]
    prediction: npt.NDArray[np.bool_]
    score: float
    group: str = "Cases"


def pick_cases(
    per_image: Mapping[str, Mapping[str, float]], count: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Choose photographs by Jaccard, none twice; ties go by image_id.

    Args:
        per_image: image_id -> metric -> value, as `SegmentationScores.per_image`.
        count: How many of each kind; fewer where there are not three times as many.

    Returns:
        best (highest first), middle (around the median, ascending), worst (lowest first).

    Raises:
        ValueError: `count` is below 1.
    """
    ranked = sorted(per_image, key=lambda image_id: (per_image[image_id]["jaccard"], image_id))
    return pick_ranked(ranked, count)


def pick_ranked(
    ranked: Sequence[str], count: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Choose from photographs that stand in order, worst first; otherwise as `pick_cases`.

    Raises:
        ValueError: `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}, expected at least 1")
    each = min(count, math.ceil(len(ranked) / 3))
    worst, rest = ranked[:each], ranked[each:]
    best = rest[::-1][:each]
    rest = rest[: len(rest) - len(best)]
    start = max(0, (len(rest) - each) // 2)
    return tuple(best), tuple(rest[start : start + each]), tuple(worst)


def write_gallery(
    path: Path, items: Iterable[GalleryItem], *, title: str, summary: SegmentationScores
) -> None:
    """Write photographs outlined by truth and prediction, with the scores, as one HTML file.

    The page runs no script, loads nothing from anywhere (its Content-Security-Policy forbids
    both) and holds only re-encoded thumbnails.

    Args:
        path: The file to write.
        items: In the order of the page; a generator keeps one photograph in memory at a time.
        title: Heading of the page.
        summary: Whose n, means and intervals are shown.

    Raises:
        ValueError: A mask differs in size from its photograph.
        DiskFullError: No space is left.
        UsageError: The folder does not exist or cannot be written.
    """
    page = render_gallery(items, title=title, summary=summary)
    write_result(path, page.encode(errors="backslashreplace"))


def render_gallery(items: Iterable[GalleryItem], *, title: str, summary: SegmentationScores) -> str:
    """Return the page `write_gallery` writes."""
    groups = [
        (name, [_make_figure(item) for item in members])
        for name, members in groupby(items, key=lambda item: item.group)
    ]
    return render_page(
        "gallery",
        title=title,
        groups=groups,
        rows=list(_make_rows(summary)),
        n=summary.n,
        left_out=len(summary.left_out),
        subset=summary.subset,
    )


def _make_figure(item: GalleryItem) -> dict[str, str]:
    for name, mask in (("truth", item.truth), ("prediction", item.prediction)):
        if mask.shape != item.pixels.shape[:2]:
            raise ValueError(
                f"{item.image_id}: {name} is {mask.shape}, photograph {item.pixels.shape[:2]}"
            )
    small = fit_within(item.pixels, LONG_SIDE)
    size = (small.shape[0], small.shape[1])
    for mask, color, width in (
        (item.truth, _TRUTH_COLOR, _TRUTH_WIDTH),
        (item.prediction, _PREDICTION_COLOR, _PREDICTION_WIDTH),
    ):
        small = draw_outline(small, resize_mask(mask, size), color, width)
    return {
        "image_id": item.image_id,
        "score": f"{item.score:.3f}",
        "height": str(size[0]),
        "width": str(size[1]),
        "source": f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(small)).decode()}",
        "alt": f"Photograph {item.image_id}, Jaccard {item.score:.3f}. Truth covers "
        f"{item.truth.mean():.0%}, prediction {item.prediction.mean():.0%} of it.",
    }


def _make_rows(summary: SegmentationScores) -> Iterable[dict[str, str]]:
    for name, value in summary.means.items():
        low, high = summary.ci95[name]
        bounds = "not defined for one photograph" if math.isnan(low) else f"{low:.3f} to {high:.3f}"
        yield {"name": name.replace("_", " "), "mean": f"{value:.3f}", "interval": bounds}
