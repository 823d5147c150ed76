"""Colour constancy: the colour of the light taken out of a photograph.

Shades of grey: Finlayson and Trezzi, Shades of Gray and Colour Constancy, CIC 2004; for
dermoscopy: Barata, Celebi and Marques, IEEE JBHI 2015, doi 10.1109/JBHI.2014.2336473.
"""

import numpy as np
from numpy.typing import NDArray

POWER = 6
"""Of the Minkowski norm; both papers found 6 to serve well."""


def estimate_light(pixels: NDArray[np.uint8], power: int = POWER) -> NDArray[np.float64]:
    """Return the (3,) colour of the light, of unit length, by each channel's Minkowski mean."""
    values = pixels.reshape(-1, 3).astype(np.float64) / 255
    means = np.power(np.power(values, power).mean(axis=0), 1 / power)
    # A black photograph has no light to estimate.
    means = np.maximum(means, 1e-6)
    light: NDArray[np.float64] = means / np.linalg.norm(means)
    return light


def neutralise(pixels: NDArray[np.uint8], power: int = POWER) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 as if lit by white light of the same strength."""
    gains = 1 / (estimate_light(pixels, power) * np.sqrt(3))
    neutral: NDArray[np.uint8] = np.clip(np.rint(pixels * gains), 0, 255).astype(np.uint8)
    return neutral
