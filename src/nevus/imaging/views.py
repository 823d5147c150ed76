"""Test-time augmentation: a photograph mirrored and turned, and maps turned back. numpy only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.options import PredictionOptions

View = tuple[int, bool]
"""(quarter turns, mirrored): mirrored left to right first, then turned."""

UPRIGHT: View = (0, False)
"""The photograph as it is."""

FLIPS: tuple[View, ...] = ((0, False), (0, True), (2, True), (2, False))
"""The photograph, mirrored left to right, top to bottom, and both."""

TURNS: tuple[View, ...] = ((1, False), (1, True), (3, True), (3, False))
"""The same, turned by a quarter."""

VIEW_SETS: dict[str, tuple[View, ...]] = {
    "one": FLIPS[:1],
    "flips": FLIPS,
    "turns": ((0, False), (1, False), (2, False), (3, False)),
    "all": FLIPS + TURNS,
}
"""The sets of views one can average over, by name."""


def list_views(*, flips: bool, rotations: bool) -> tuple[View, ...]:
    """Return the views to average over: one, four with flips, eight with rotations besides."""
    if rotations:
        return VIEW_SETS["all" if flips else "turns"]
    return VIEW_SETS["flips" if flips else "one"]


def name_views(views: tuple[View, ...]) -> str:
    """Return the name of a set of views in `VIEW_SETS`."""
    return next(name for name, known in VIEW_SETS.items() if known == views)


def choose_views(options: PredictionOptions, flips: bool | None) -> tuple[View, ...]:
    """Return a checkpoint's views, or those of an answer to whether there shall be any at all."""
    if flips is False:
        return FLIPS[:1]
    return list_views(flips=flips or options.flips, rotations=options.rotations)


def turn(pixels: NDArray[Any], view: View) -> NDArray[Any]:
    """Return (H, W, ...) pixels as seen in a view; a quarter turn swaps H and W."""
    quarters, mirrored = view
    return np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters, (0, 1))


def turn_back(maps: NDArray[Any], view: View) -> NDArray[Any]:
    """Return (..., H, W) maps of a turned photograph as they lie on the photograph itself."""
    quarters, mirrored = view
    straight = np.rot90(maps, -quarters, (-2, -1))
    return straight[..., ::-1] if mirrored else straight


def average_back(maps: NDArray[np.float32], views: tuple[View, ...]) -> NDArray[np.float32]:
    """Return the (C, H, W) mean of (V, C, H, W) maps, each turned back from its view."""
    straight = [turn_back(part, view) for part, view in zip(maps, views, strict=True)]
    return np.asarray(np.mean(straight, axis=0, dtype=np.float32))
