"""Augmentation: photograph and mask moved together, every choice from one generator per sample.

The parameters are drawn here, from the sample's own generator, because torchvision's random
transforms draw from torch's global state, which neither workers nor resumed runs share.
"""

import math
from collections.abc import Callable

import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from nevus.options import AugmentationOptions

Pair = tuple[tv_tensors.Image, tv_tensors.Mask | None]


def augment(
    image: tv_tensors.Image,
    mask: tv_tensors.Mask | None,
    options: AugmentationOptions,
    *,
    crop: tuple[int, int] | None,
    generator: torch.Generator,
) -> Pair:
    """Return a randomly changed photograph and its mask.

    Args:
        image: (3, H, W) uint8.
        mask: (C, H, W) uint8 in {0, 1}, or None.
        options: Strengths and probabilities.
        crop: (height, width) of a random crop, or None.
        generator: The sample's own; the result is a pure function of it.
    """
    pair = _rotate_and_scale((image, mask), options, generator)
    if crop:
        pair = _crop(pair, crop, generator)
    pair = _flip_and_turn(pair, options, generator)
    return _jitter(pair[0], options, generator), pair[1]


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _rotate_and_scale(pair: Pair, options: AugmentationOptions, generator: torch.Generator) -> Pair:
    if not options.rotate and options.scale == (1.0, 1.0):
        return pair
    angle = _uniform(-options.rotate, options.rotate, generator)
    low, high = (math.log(factor) for factor in options.scale)
    scale = math.exp(_uniform(low, high, generator))

    def turn(part: torch.Tensor) -> torch.Tensor:
        is_mask = isinstance(part, tv_tensors.Mask)
        smooth = InterpolationMode.NEAREST if is_mask else InterpolationMode.BILINEAR
        turned: torch.Tensor = functional.affine(
            part, angle, [0, 0], scale, [0, 0], interpolation=smooth
        )
        return turned

    return _move(pair, turn)


def _move(pair: Pair, change: Callable[[torch.Tensor], torch.Tensor]) -> Pair:
    image, mask = pair
    moved = None if mask is None else tv_tensors.wrap(change(mask), like=mask)
    return tv_tensors.wrap(change(image), like=image), moved


def _crop(pair: Pair, size: tuple[int, int], generator: torch.Generator) -> Pair:
    height, width = pair[0].shape[-2:]
    top = int(torch.randint(height - size[0] + 1, (), generator=generator))
    left = int(torch.randint(width - size[1] + 1, (), generator=generator))
    return _move(pair, lambda part: functional.crop(part, top, left, *size))


def _flip_and_turn(pair: Pair, options: AugmentationOptions, generator: torch.Generator) -> Pair:
    if _uniform(0, 1, generator) < options.flip_horizontal:
        pair = _move(pair, functional.horizontal_flip)
    if _uniform(0, 1, generator) < options.flip_vertical:
        pair = _move(pair, functional.vertical_flip)
    if options.quarter_turns:
        turns = int(torch.randint(4, (), generator=generator))
        # A quarter turn of a photograph that is not square would change the batch's shape.
        if pair[0].shape[-1] != pair[0].shape[-2]:
            turns = turns // 2 * 2
        pair = _move(pair, lambda part: torch.rot90(part, turns, (-2, -1)))
    return pair


def _jitter(
    image: tv_tensors.Image, options: AugmentationOptions, generator: torch.Generator
) -> tv_tensors.Image:
    if _uniform(0, 1, generator) >= options.jitter_probability:
        return image
    if options.brightness:
        image = functional.adjust_brightness(image, _factor(options.brightness, generator))
    if options.contrast:
        image = functional.adjust_contrast(image, _factor(options.contrast, generator))
    if options.saturation:
        image = functional.adjust_saturation(image, _factor(options.saturation, generator))
    if options.hue:
        image = functional.adjust_hue(image, _uniform(-options.hue, options.hue, generator))
    return image


def _factor(strength: float, generator: torch.Generator) -> float:
    return _uniform(max(0.0, 1 - strength), 1 + strength, generator)
