"""A page of the pairs that a split leaks, side by side, for people to judge."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nevus.data.leak_report import LeakPair, LeakReport, Place
from nevus.errors import ImageError
from nevus.evaluation.rendering import render_page
from nevus.evaluation.writing import write_result
from nevus.imaging.drawing import encode_jpeg, fit_within
from nevus.imaging.reading import read_image

LONG_SIDE: Final = 256
_GAP: Final = 6


def write_leak_page(path: Path, report: LeakReport, *, most: int = 60) -> None:
    """Write the pairs of an audit as one HTML file that runs no script and loads nothing.

    Args:
        path: The file to write.
        report: Of `nevus.data.leaks.find_leaks`.
        most: Of each kind, how many pairs are shown.

    Raises:
        DiskFullError: No space is left.
        UsageError: The folder does not exist or cannot be written.
    """
    write_result(path, render_leak_page(report, most=most).encode(errors="backslashreplace"))


def render_leak_page(report: LeakReport, *, most: int = 60) -> str:
    """Return the page `write_leak_page` writes."""
    groups = [
        {"title": title, "n": len(pairs), "figures": [_make_figure(pair) for pair in pairs[:most]]}
        for title, pairs in _group_pairs(report)
        if pairs
    ]
    rows = [
        {"name": name, "n": n, "affected": report.affected[name]}
        for name, n in report.parts.items()
    ]
    return render_page("leaks", groups=groups, rows=rows)


def _group_pairs(report: LeakReport) -> Iterator[tuple[str, list[tuple[Place, Place]]]]:
    yield "The same photograph", _places(report.of_kind("same_photograph"))
    yield "Copies of a file", _places(report.of_kind("identical_file"))
    yield "The same pixels in another file", _places(report.of_kind("identical_pixels"))
    alike = report.of_kind("look_alike")
    strangers = [pair for pair in alike if not pair.same_lesion]
    yield "Near-identical, without a common lesion_id", _places(strangers)
    yield "Near-identical, of one lesion", _places(pair for pair in alike if pair.same_lesion)
    yield "Lesions on more than one side", [_across(group) for group in report.lesions.values()]


def _places(pairs: Iterable[LeakPair]) -> list[tuple[Place, Place]]:
    return [(pair.first, pair.second) for pair in pairs]


def _across(places: tuple[Place, ...]) -> tuple[Place, Place]:
    first = places[0]
    return first, next(place for place in places if place.part != first.part)


def _make_figure(pair: tuple[Place, Place]) -> dict[str, Any]:
    figure: dict[str, Any] = {
        "places": [
            {"part": p.part, "image_id": p.photo.image_id, "lesion_id": p.photo.lesion_id}
            for p in pair
        ],
        "source": "",
    }
    try:
        pixels = _side_by_side([_read_small(place.photo.image) for place in pair])
    except ImageError:
        return figure
    names = " and ".join(f"{p.photo.image_id} of {p.part}" for p in pair)
    return figure | {
        "source": f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(pixels)).decode()}",
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "alt": f"Photographs {names}, side by side.",
    }


def _read_small(image: Path) -> npt.NDArray[np.uint8]:
    return fit_within(read_image(image).pixels, LONG_SIDE)


def _side_by_side(pictures: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    height = max(picture.shape[0] for picture in pictures)
    width = sum(picture.shape[1] for picture in pictures) + _GAP * (len(pictures) - 1)
    canvas = np.full((height, width, 3), 255, np.uint8)
    left = 0
    for picture in pictures:
        canvas[: picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + _GAP
    return canvas
