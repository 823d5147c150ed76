"""Test-time augmentation: a photograph mirrored and turned, and maps turned back."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from nevus.options import PredictionOptions

View = tuple[int, bool]
"""(quarter turns, mirrored): mirrored left to right first, then turned."""

FLIPS: tuple[View, ...] = ((0, False), (0, True), (2, True), (2, False))
"""The photograph, mirrored left to right, top to bottom, and both."""

TURNS: tuple[View, ...] = ((1, False), (1, True), (3, True), (3, False))
"""The same, turned by a quarter."""


def list_views(*, flips: bool, rotations: bool) -> tuple[View, ...]:
    """Return the views to average over: one, four with flips, eight with rotations besides."""
    if rotations:
        return FLIPS + TURNS if flips else ((0, False), (1, False), (2, False), (3, False))
    return FLIPS if flips else FLIPS[:1]


def choose_views(options: PredictionOptions, flips: bool | None) -> tuple[View, ...]:
    """Return a checkpoint's views, or those of an answer to whether there shall be any at all."""
    if flips is False:
        return FLIPS[:1]
    return list_views(flips=flips or options.flips, rotations=options.rotations)


def turn(values: torch.Tensor, view: View) -> torch.Tensor:
    """Return (..., H, W) values as seen in a view; a quarter turn swaps H and W."""
    quarters, mirrored = view
    return torch.rot90(values.flip(-1) if mirrored else values, quarters, (-2, -1))


def turn_back(values: torch.Tensor, view: View) -> torch.Tensor:
    """Undo `turn`."""
    quarters, mirrored = view
    straight = torch.rot90(values, -quarters, (-2, -1))
    return straight.flip(-1) if mirrored else straight


def run_views(
    network: Callable[[torch.Tensor], Any], image: torch.Tensor, views: tuple[View, ...]
) -> Iterator[tuple[Any, tuple[View, ...]]]:
    """Yield the network's output for views of equal shape, with those views in order.

    Args:
        network: Takes (N, 3, H, W).
        image: (1, 3, H, W).
        views: As `list_views` gives them.
    """
    upright = tuple(view for view in views if view[0] % 2 == 0)
    lying = tuple(view for view in views if view[0] % 2)
    square = image.shape[-1] == image.shape[-2]
    for group in (upright + lying,) if square else (upright, lying):
        if group:
            yield network(torch.cat([turn(image, view) for view in group])), group
