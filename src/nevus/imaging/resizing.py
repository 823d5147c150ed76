"""Resizing photographs, masks and probability maps; size is always (height, width)."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def resize_image(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return (h, w, 3) uint8, antialiased, for (H, W, 3) uint8."""
    if pixels.shape[:2] == size:
        return pixels
    image = Image.fromarray(pixels)
    # reducing_gap halves large photographs first: several times faster, hardly another result.
    small = image.resize((size[1], size[0]), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(small)


def resize_mask(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return (h, w) bool for (H, W) bool: a pixel is set where half of what it covers was."""
    if mask.shape == size:
        return mask
    return resize_probability(mask.astype(np.float32), size) >= 0.5


def resize_probability(
    probability: NDArray[np.float32], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return (h, w) float32 in [0, 1], bilinear, antialiased, for (H, W) float32 in [0, 1]."""
    if probability.shape == size:
        return probability
    image = Image.fromarray(probability.astype(np.float32, copy=False))
    resized = np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    # Weights of the filter sum to one only up to rounding.
    clipped: NDArray[np.float32] = np.clip(resized, 0.0, 1.0)
    return clipped


def centre_window(shape: tuple[int, int], size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the largest centred part of (H, W) pixels that has the proportions of (h, w)."""
    height, width = shape
    factor = min(height / size[0], width / size[1])
    tall, wide = (max(round(side * factor), 1) for side in size)
    top, left = (height - tall) // 2, (width - wide) // 2
    return slice(top, top + tall), slice(left, left + wide)
