"""Augmentation: photograph and mask moved together, every choice from one generator per sample.

The parameters are drawn here, from the sample's own generator, because torchvision's random
transforms draw from torch's global state, which neither workers nor resumed runs share.
"""

import math

import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from nevus.recipe import AugmentationOptions

Pair = tuple[tv_tensors.Image, tv_tensors.Mask]


def augment(
    image: tv_tensors.Image,
    mask: tv_tensors.Mask,
    options: AugmentationOptions,
    *,
    crop: tuple[int, int] | None,
    generator: torch.Generator,
) -> Pair:
    """Return a randomly changed photograph and its mask.

    Args:
        image: (3, H, W) uint8.
        mask: (1, H, W) uint8 in {0, 1}.
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
    image, mask = pair
    image = functional.affine(
        image, angle, [0, 0], scale, [0, 0], interpolation=InterpolationMode.BILINEAR
    )
    mask = functional.affine(
        mask, angle, [0, 0], scale, [0, 0], interpolation=InterpolationMode.NEAREST
    )
    return image, mask


def _crop(pair: Pair, size: tuple[int, int], generator: torch.Generator) -> Pair:
    height, width = pair[0].shape[-2:]
    top = int(torch.randint(height - size[0] + 1, (), generator=generator))
    left = int(torch.randint(width - size[1] + 1, (), generator=generator))
    image, mask = (functional.crop(part, top, left, *size) for part in pair)
    return image, mask


def _flip_and_turn(pair: Pair, options: AugmentationOptions, generator: torch.Generator) -> Pair:
    image, mask = pair
    if _uniform(0, 1, generator) < options.flip_horizontal:
        image, mask = functional.horizontal_flip(image), functional.horizontal_flip(mask)
    if _uniform(0, 1, generator) < options.flip_vertical:
        image, mask = functional.vertical_flip(image), functional.vertical_flip(mask)
    if options.quarter_turns:
        turns = int(torch.randint(4, (), generator=generator))
        # A quarter turn of a photograph that is not square would change the batch's shape.
        if image.shape[-1] != image.shape[-2]:
            turns = turns // 2 * 2
        image = tv_tensors.wrap(torch.rot90(image, turns, (-2, -1)), like=image)
        mask = tv_tensors.wrap(torch.rot90(mask, turns, (-2, -1)), like=mask)
    return image, mask


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
