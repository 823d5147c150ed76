"""Augmentation of one photograph, photograph and mask moved together."""

from collections.abc import Callable

import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from nevus.data.changes import Change, draw_change
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
    size = (image.shape[-2], image.shape[-1])
    change = draw_change(options, size, crop, generator)
    pair = _flip_and_turn(_crop(_rotate_and_scale((image, mask), change), change, crop), change)
    return _erase(_jitter(pair[0], change), change), pair[1]


def _rotate_and_scale(pair: Pair, change: Change) -> Pair:
    if not change.angle and change.scale == 1.0:
        return pair

    def turn(part: torch.Tensor) -> torch.Tensor:
        is_mask = isinstance(part, tv_tensors.Mask)
        smooth = InterpolationMode.NEAREST if is_mask else InterpolationMode.BILINEAR
        turned: torch.Tensor = functional.affine(
            part, change.angle, [0, 0], change.scale, [0, 0], interpolation=smooth
        )
        return turned

    return _move(pair, turn)


def _move(pair: Pair, action: Callable[[torch.Tensor], torch.Tensor]) -> Pair:
    image, mask = pair
    moved = None if mask is None else tv_tensors.wrap(action(mask), like=mask)
    return tv_tensors.wrap(action(image), like=image), moved


def _crop(pair: Pair, change: Change, size: tuple[int, int] | None) -> Pair:
    if size is None:
        return pair
    return _move(pair, lambda part: functional.crop(part, change.top, change.left, *size))


def _flip_and_turn(pair: Pair, change: Change) -> Pair:
    if change.mirrored:
        pair = _move(pair, functional.horizontal_flip)
    if change.upturned:
        pair = _move(pair, functional.vertical_flip)
    if change.turns:
        pair = _move(pair, lambda part: torch.rot90(part, change.turns, (-2, -1)))
    return pair


def _jitter(image: tv_tensors.Image, change: Change) -> tv_tensors.Image:
    if change.brightness != 1.0:
        image = functional.adjust_brightness(image, change.brightness)
    if change.contrast != 1.0:
        image = functional.adjust_contrast(image, change.contrast)
    if change.saturation != 1.0:
        image = functional.adjust_saturation(image, change.saturation)
    if change.hue:
        image = functional.adjust_hue(image, change.hue)
    return image


def _erase(image: tv_tensors.Image, change: Change) -> tv_tensors.Image:
    """Paint a square with the photograph's mean colour (DeVries and Taylor 2017, Cutout)."""
    if change.erased is None:
        return image
    row, column, side = change.erased
    top, left = max(row - side // 2, 0), max(column - side // 2, 0)
    plain = image.as_subclass(torch.Tensor).clone()
    mean = plain.float().mean((1, 2)).round().to(plain.dtype)
    plain[:, top : row - side // 2 + side, left : column - side // 2 + side] = mean[:, None, None]
    return tv_tensors.wrap(plain, like=image)
