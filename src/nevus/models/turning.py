"""The views of `nevus.imaging.views` for tensors: several views through a network at once."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from nevus.imaging.views import View


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
        views: As `nevus.imaging.views.list_views` gives them.
    """
    upright = tuple(view for view in views if view[0] % 2 == 0)
    lying = tuple(view for view in views if view[0] % 2)
    square = image.shape[-1] == image.shape[-2]
    for group in (upright + lying,) if square else (upright, lying):
        if group:
            yield network(torch.cat([turn(image, view) for view in group])), group
