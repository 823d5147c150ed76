"""A page of attribute masks beside their truth: one HTML file that needs nothing else."""

import base64
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nevus.evaluation.attribute_scores import AttributeScores
from nevus.evaluation.pages import pick_ranked
from nevus.evaluation.rendering import render_page
from nevus.evaluation.writing import write_result
from nevus.imaging.drawing import draw_outlines, encode_jpeg, fit_within
from nevus.imaging.palette import ATTRIBUTE_COLORS
from nevus.imaging.resizing import resize_mask
from nevus.labels import ATTRIBUTES
from nevus.metrics.attributes import normalise, pool_jaccard
from nevus.metrics.masks import count

LONG_SIDE: Final = 420
_WIDTH: Final = 2
_NOTHING: Final = "–"
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AttributeItem:
    """One photograph of the page.

    Attributes:
        image_id: Its name, shown escaped.
        pixels: (H, W, 3) uint8 RGB.
        truth: Five of (H, W) bool in the order of `ATTRIBUTES`.
        prediction: The same.
        group: The heading it stands under; items of one group follow each other.
    """

    image_id: str
    pixels: npt.NDArray[np.uint8]
    truth: Sequence[Mask]
    prediction: Sequence[Mask]
    group: str = "Cases"


def pick_attribute_cases(scores: AttributeScores, number: int) -> dict[str, tuple[str, ...]]:
    """Choose photographs to look at, none twice: heading -> image_ids.

    Worst, middle and best go by the photograph's own pooled Jaccard, those of equal Jaccard by the
    share of wrong pixels. Photographs in which nothing is and nothing was found teach nothing and
    stand under none. Of each attribute follow the photographs that show it with its largest
    errors, half as many: among the worst of all, the rare ones would hardly be seen.

    Args:
        scores: Of `score_attributes`.
        number: How many under each of the first three headings, fewer where there are fewer.

    Raises:
        ValueError: `number` is below 1.
    """
    shown = np.flatnonzero(scores.shares[:, :, :3].sum(axis=(1, 2)) > 0).tolist()
    ranked = _rank(scores, scores.shares.sum(axis=1), shown)
    best, middle, worst = pick_ranked(ranked, number)
    groups = {"Worst": worst, "Middle": middle, "Best": best}
    seen = {*best, *middle, *worst}
    for place, name in enumerate(ATTRIBUTES):
        with_it = np.flatnonzero(scores.present[:, place]).tolist()
        ordered = _rank(scores, scores.shares[:, place], with_it)
        chosen = [image_id for image_id in ordered if image_id not in seen]
        groups[f"Largest errors: {_spell(name)}"] = tuple(chosen[: math.ceil(number / 2)])
        seen.update(groups[f"Largest errors: {_spell(name)}"])
    return {heading: image_ids for heading, image_ids in groups.items() if image_ids}


def write_attribute_page(
    path: Path, items: Iterable[AttributeItem], *, title: str, summary: AttributeScores
) -> None:
    """Write photographs outlined by truth, beside them by prediction, with the scores.

    The page runs no script, loads nothing from anywhere (its Content-Security-Policy forbids
    both) and holds only re-encoded thumbnails. What the five colours say, the table under each
    photograph says in words.

    Args:
        path: The file to write.
        items: In the order of the page; a generator keeps one photograph in memory at a time.
        title: Heading of the page.
        summary: Whose n, scores and intervals are shown.

    Raises:
        ValueError: A mask differs in size from its photograph, or there are not five.
        DiskFullError: No space is left.
        UsageError: The folder does not exist or cannot be written.
    """
    page = render_attribute_page(items, title=title, summary=summary)
    write_result(path, page.encode(errors="backslashreplace"))


def render_attribute_page(
    items: Iterable[AttributeItem], *, title: str, summary: AttributeScores
) -> str:
    """Return the page `write_attribute_page` writes."""
    groups = [
        (name, [_make_figure(item) for item in members])
        for name, members in groupby(items, key=lambda item: item.group)
    ]
    return render_page(
        "attributes",
        title=title,
        groups=groups,
        legend=[{"name": name, "text": _spell(name)} for name in ATTRIBUTES],
        pooled=list(_list_pooled(summary)),
        rows=list(_list_attributes(summary)),
        with_presences=summary.likely is not None,
        n=summary.n,
        left_out=len(summary.left_out),
    )


def _rank(scores: AttributeScores, shares: Floats, places: Sequence[int]) -> list[str]:
    """Return image_ids, worst first, by (N, 4) `shares`."""
    jaccard, wrong = pool_jaccard(shares), shares[:, 1] + shares[:, 2]
    ordered = sorted(places, key=lambda p: (jaccard[p], -wrong[p], scores.image_ids[p]))
    return [scores.image_ids[place] for place in ordered]


def _make_figure(item: AttributeItem) -> dict[str, Any]:
    shares = normalise([count(*masks) for masks in _check_masks(item)])
    jaccard = f"{float(pool_jaccard(shares.sum(axis=0))):.3f}"
    rows = [
        {
            "name": name,
            "text": _spell(name),
            "truth": f"{tp + fn:.1%}",
            "prediction": f"{tp + fp:.1%}",
            "jaccard": f"{tp / (tp + fp + fn):.3f}" if tp + fp + fn else _NOTHING,
        }
        for name, (tp, fp, fn, _) in zip(ATTRIBUTES, shares.tolist(), strict=True)
    ]
    small = fit_within(item.pixels, LONG_SIDE)
    pictures = [
        {"side": side, "source": _draw(small, masks), "alt": _describe(item.image_id, side, rows)}
        for side, masks in (("truth", item.truth), ("prediction", item.prediction))
    ]
    height, width = small.shape[:2]
    return {
        "image_id": item.image_id,
        "score": jaccard,
        "height": height,
        "width": width,
        "pictures": pictures,
        "rows": [row for row in rows if row["jaccard"] != _NOTHING],
    }


def _check_masks(item: AttributeItem) -> Iterator[tuple[Mask, Mask]]:
    for name, *masks in zip(ATTRIBUTES, item.truth, item.prediction, strict=True):
        for side, mask in zip(("truth", "prediction"), masks, strict=True):
            if mask.shape != item.pixels.shape[:2]:
                raise ValueError(
                    f"{item.image_id}: {side} of {name} is {mask.shape}, "
                    f"photograph {item.pixels.shape[:2]}"
                )
        yield masks[0], masks[1]


def _draw(small: npt.NDArray[np.uint8], masks: Sequence[Mask]) -> str:
    size = (small.shape[0], small.shape[1])
    resized = [resize_mask(mask, size) for mask in masks]
    drawn = draw_outlines(small, resized, [ATTRIBUTE_COLORS[name] for name in ATTRIBUTES], _WIDTH)
    return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(drawn)).decode()}"


def _describe(image_id: str, side: str, rows: Sequence[dict[str, str]]) -> str:
    parts = [f"{row['text']} {row[side]}" for row in rows if row[side] != "0.0%"]
    found = ", ".join(parts) if parts else "no attribute"
    return f"Photograph {image_id}, {side}: {found}."


def _list_pooled(summary: AttributeScores) -> Iterator[dict[str, str]]:
    for name, value in (("jaccard", summary.pooled_jaccard), ("dice", summary.pooled_dice)):
        bounds = _tell_interval(summary, f"pooled_{name}")
        yield {"name": f"pooled {name}", "value": _tell(value), "interval": bounds}


def _list_attributes(summary: AttributeScores) -> Iterator[dict[str, str]]:
    for name, row in summary.per_attribute().items():
        yield {
            "name": name,
            "text": _spell(name),
            "interval": _tell_interval(summary, f"{name}.jaccard"),
            "photographs": f"{row['photographs']:g}",
            **{
                score: _tell(row.get(score, math.nan))
                for score in ("jaccard", "dice", "auc", "average_precision")
            },
        }


def _tell(value: float) -> str:
    return _NOTHING if math.isnan(value) else f"{value:.3f}"


def _tell_interval(summary: AttributeScores, name: str) -> str:
    low, high = summary.ci95[name]
    return _NOTHING if math.isnan(low) else f"{low:.3f} to {high:.3f}"


def _spell(name: str) -> str:
    return name.replace("_", " ").replace("milia like cyst", "milia-like cysts")
