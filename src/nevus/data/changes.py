"""How one appearance of a photograph differs from the photograph, drawn from its own generator.

The parameters are drawn here because torchvision's random transforms draw from torch's global
state, which neither workers nor resumed runs share; and drawn once for both ways of applying them,
so that a photograph turns the same way in a loader process (`transforms`) and on a GPU (`batched`).
"""

import math
from dataclasses import dataclass

import torch

from nevus.options import AugmentationOptions

ERASED = (0.1, 0.4)
"""Side of an erased square, in shares of the shorter side."""


@dataclass(frozen=True)
class Change:
    """One appearance; the fields apply in this order.

    Attributes:
        angle: Degrees, clockwise, about the centre.
        scale: Zoom factor, about the centre.
        top: First row of the crop, pixels.
        left: First column of the crop, pixels.
        mirrored: Left and right swapped.
        upturned: Top and bottom swapped.
        turns: Quarter turns, counter-clockwise.
        brightness: Factor; 1 for none, as the next two.
        contrast: Factor.
        saturation: Factor.
        hue: Share of the colour circle, in [-0.5, 0.5].
        erased: (centre row, centre column, side) of a square, pixels; None for none.
    """

    angle: float = 0.0
    scale: float = 1.0
    top: int = 0
    left: int = 0
    mirrored: bool = False
    upturned: bool = False
    turns: int = 0
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    erased: tuple[int, int, int] | None = None


def draw_change(
    options: AugmentationOptions,
    size: tuple[int, int],
    crop: tuple[int, int] | None,
    generator: torch.Generator,
) -> Change:
    """Return a random change; a pure function of its arguments and the generator's state.

    Args:
        options: Strengths and probabilities.
        size: (height, width) of the photograph.
        crop: (height, width) of a random crop, or None.
        generator: The sample's own.
    """
    angle, scale = _draw_zoom(options, generator)
    top, left = _draw_place(size, crop, generator)
    mirrored = _uniform(0, 1, generator) < options.flip_horizontal
    upturned = _uniform(0, 1, generator) < options.flip_vertical
    shown = crop or size
    turns = int(torch.randint(4, (), generator=generator)) if options.quarter_turns else 0
    # A quarter turn of a photograph that is not square would change the batch's shape.
    if shown[0] != shown[1]:
        turns = turns // 2 * 2
    colors = _draw_colors(options, generator)
    erased = _draw_square(options, shown, generator)
    return Change(angle, scale, top, left, mirrored, upturned, turns, *colors, erased)


def _draw_zoom(options: AugmentationOptions, generator: torch.Generator) -> tuple[float, float]:
    if not options.rotate and options.scale == (1.0, 1.0):
        return 0.0, 1.0
    angle = _uniform(-options.rotate, options.rotate, generator)
    low, high = (math.log(factor) for factor in options.scale)
    return angle, math.exp(_uniform(low, high, generator))


def _draw_place(
    size: tuple[int, int], crop: tuple[int, int] | None, generator: torch.Generator
) -> tuple[int, int]:
    if crop is None:
        return 0, 0
    top = int(torch.randint(size[0] - crop[0] + 1, (), generator=generator))
    left = int(torch.randint(size[1] - crop[1] + 1, (), generator=generator))
    return top, left


def _draw_colors(
    options: AugmentationOptions, generator: torch.Generator
) -> tuple[float, float, float, float]:
    if _uniform(0, 1, generator) >= options.jitter_probability:
        return 1.0, 1.0, 1.0, 0.0
    strengths = (options.brightness, options.contrast, options.saturation)
    brightness, contrast, saturation = (
        _uniform(max(0.0, 1 - strength), 1 + strength, generator) if strength else 1.0
        for strength in strengths
    )
    hue = _uniform(-options.hue, options.hue, generator) if options.hue else 0.0
    return brightness, contrast, saturation, hue


def _draw_square(
    options: AugmentationOptions, shown: tuple[int, int], generator: torch.Generator
) -> tuple[int, int, int] | None:
    # Nothing is drawn where nothing is erased: older recipes see what they always saw.
    if not options.erase or _uniform(0, 1, generator) >= options.erase:
        return None
    side = max(1, round(_uniform(*ERASED, generator) * min(shown)))
    row = int(torch.randint(shown[0], (), generator=generator))
    column = int(torch.randint(shown[1], (), generator=generator))
    return row, column, side


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))
