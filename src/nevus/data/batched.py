"""Augmentation of a whole batch where it lies, a GPU's memory as a rule: one warp, one colouring.

Gives what `transforms` gives, but for roundings: a photograph there becomes bytes after each step,
here once, at the end.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from nevus.data.changes import Change

# ITU-R BT.601 luma, as torchvision's grey.
_LUMA = (0.2989, 0.587, 0.114)
_QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])


def warp(
    planes: torch.Tensor,
    changes: Sequence[Change],
    crop: tuple[int, int] | None,
    *,
    nearest: bool,
) -> torch.Tensor:
    """Return planes rotated, scaled, cropped, flipped and turned, each as its change says.

    Args:
        planes: (N, C, H, W) floats.
        changes: N of them.
        crop: (height, width) of the result; None for H, W.
        nearest: For masks; else bilinear. What lies outside is 0.
    """
    size = (planes.shape[-2], planes.shape[-1])
    shown = crop or size
    theta = torch.from_numpy(np.stack([_theta(change, size, shown) for change in changes]))
    grid = functional.affine_grid(
        theta.to(planes.device, torch.float32), [len(changes), 1, *shown], align_corners=False
    )
    mode = "nearest" if nearest else "bilinear"
    return functional.grid_sample(planes, grid, mode=mode, align_corners=False)


def _theta(change: Change, size: tuple[int, int], shown: tuple[int, int]) -> NDArray[np.float64]:
    """Return the (2, 3) map from places in the result to places in the photograph, in [-1, 1]."""
    # From the last step back to the first, in pixels from the centre.
    back = np.linalg.matrix_power(_QUARTER, change.turns)
    back = np.diag([-1.0 if change.mirrored else 1.0, -1.0 if change.upturned else 1.0]) @ back
    shift = np.array(
        [change.left + (shown[1] - size[1]) / 2, change.top + (shown[0] - size[0]) / 2]
    )
    angle = math.radians(change.angle)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turn /= change.scale
    into, out = np.array([size[1], size[0]]) / 2, np.array([shown[1], shown[0]]) / 2
    linear = turn @ back * out / into[:, None]
    return np.concatenate([linear, (turn @ shift / into)[:, None]], axis=1)


def recolor(images: torch.Tensor, changes: Sequence[Change]) -> torch.Tensor:
    """Return (N, 3, H, W) floats in [0, 1] with each change's colours, then its erased square."""

    def factors(name: str) -> torch.Tensor:
        values = [getattr(change, name) for change in changes]
        return torch.tensor(values, device=images.device, dtype=images.dtype).view(-1, 1, 1, 1)

    images = (images * factors("brightness")).clamp(0, 1)
    images = _blend(images, _grey(images).mean((1, 2, 3), keepdim=True), factors("contrast"))
    images = _blend(images, _grey(images), factors("saturation"))
    if any(change.hue for change in changes):
        images = _turn_hue(images, factors("hue"))
    if any(change.erased for change in changes):
        images = _erase(images, changes)
    return images


def _grey(images: torch.Tensor) -> torch.Tensor:
    weights = torch.tensor(_LUMA, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def _blend(images: torch.Tensor, other: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    return (share * images + (1 - share) * other).clamp(0, 1)


def _turn_hue(images: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Turn the hue of HSV colours by shares of the circle (Smith 1978, Color gamut transform)."""
    value = images.amax(1, keepdim=True)
    chroma = value - images.amin(1, keepdim=True)
    safe = torch.where(chroma > 0, chroma, 1.0)
    red, green, blue = images.chunk(3, 1)
    sector = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    turned = sector + 6 * shares
    offsets = torch.tensor([5.0, 3.0, 1.0], device=images.device, dtype=images.dtype)
    place = (offsets.view(1, 3, 1, 1) + turned) % 6
    return value - chroma * torch.minimum(place, 4 - place).clamp(0, 1)


def _erase(images: torch.Tensor, changes: Sequence[Change]) -> torch.Tensor:
    squares = [change.erased or (0, 0, 0) for change in changes]
    row, column, side = torch.tensor(squares, device=images.device).T.view(3, -1, 1)
    rows = torch.arange(images.shape[-2], device=images.device)
    columns = torch.arange(images.shape[-1], device=images.device)
    top, left = row - side // 2, column - side // 2
    tall = (rows >= top) & (rows < top + side)
    wide = (columns >= left) & (columns < left + side)
    inside = (tall[:, :, None] & wide[:, None, :])[:, None]
    return torch.where(inside, images.mean((2, 3), keepdim=True), images)
