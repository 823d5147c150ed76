"""A dermoscopy as others would take it: framed, in other light, in other colours, from near.

The challenge's photographs come from few cameras. What these functions do is what dermoscopes are
known to do, and nothing of it makes a picture no dermoscopy.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Generator = np.random.Generator

_GREY = np.array((0.299, 0.587, 0.114))


def frame_round(pixels: Pixels, generator: Generator) -> Pixels:
    """Return the photograph within the round black frame of a contact plate."""
    height, width = pixels.shape[:2]
    wide = max(width, round(height * generator.uniform(1.0, 1.5)))
    framed = np.zeros((height, wide, 3), np.float32)
    left = int(generator.integers(0, wide - width + 1))
    framed[:, left : left + width] = pixels
    rows, columns = np.mgrid[:height, :wide].astype(np.float32)
    centre = np.array((height / 2, left + width / 2)) + generator.normal(0, 0.02, 2) * height
    radius = generator.uniform(0.4, 0.56) * min(height, width)
    away = np.hypot(rows - centre[0], columns - centre[1]) - radius
    seen = np.clip(0.5 - away / (generator.uniform(0.003, 0.06) * height), 0, 1)
    return _round_off(framed * seen[..., None] + generator.uniform(0, 8))


def change_light(pixels: Pixels, generator: Generator) -> Pixels:
    """Return it under- or over-exposed, with a camera's curve and contrast."""
    share = pixels / 255
    bent = share ** generator.uniform(0.6, 1.9)
    strong = 0.5 + (bent - 0.5) * generator.uniform(0.8, 1.5)
    return _round_off(255 * strong * generator.uniform(0.7, 1.15))


def change_colours(pixels: Pixels, generator: Generator) -> Pixels:
    """Return it in warmer or cooler light, more or less saturated."""
    grey = (pixels @ _GREY)[..., None]
    saturated = grey + (pixels - grey) * generator.uniform(0.5, 1.8)
    cast = 1 + np.array((1, 0.15, -1)) * generator.normal(0, 0.12)
    return _round_off(saturated * cast)


def come_near(pixels: Pixels, generator: Generator) -> Pixels:
    """Return the part around what is darkest, so that a lesion fills the frame, and darker.

    Large black lesions are those one must not be silent about.
    """
    grey = pixels @ _GREY
    weight = np.clip(np.quantile(grey, 0.5) - grey, 0, None) ** 2 + 1e-6
    share = generator.uniform(0.35, 0.75)
    spans = []
    for axis, side in enumerate(grey.shape):
        along = weight.sum(axis=1 - axis)
        middle = float(along @ np.arange(side) / along.sum()) + generator.normal(0, 0.08) * side
        length = max(1, round(share * side))
        begin = int(np.clip(middle - length / 2, 0, side - length))
        spans.append(slice(begin, begin + length))
    near = pixels[spans[0], spans[1]] / 255
    return _round_off(255 * near ** generator.uniform(1.0, 2.2))


def _round_off(values: NDArray[np.floating]) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


INSTRUMENTS: dict[str, Callable[[Pixels, Generator], Pixels]] = {
    "framed": frame_round,
    "in other light": change_light,
    "in other colours": change_colours,
    "from near": come_near,
}
"""Each value: ``(pixels, generator) -> (H, W, 3) uint8``."""
