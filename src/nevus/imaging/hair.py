"""Dark hairs found by closings along lines, and painted over.

After the idea of DullRazor: Lee, Ng, Gallagher, Coldman and McLean, Computers in Biology and
Medicine 1997, doi 10.1016/S0010-4825(97)00020-6.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CONTRAST = 18
"""A hair is darker than the closing of its surroundings by this much, of 255."""

REACH = 1 / 24
"""Length of the lines against the photograph's shorter side: wider things are no hairs."""


def find_hair(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (H, W) bool, where thin dark lines are, in (H, W, 3) uint8."""
    grey = pixels.min(axis=2)
    length = max(int(min(grey.shape) * REACH) | 1, 5)
    # A closing along a line that lies across the hair fills it; one along it does not.
    closed = np.max(
        [ndimage.grey_closing(grey, footprint=line) for line in _make_lines(length)], axis=0
    )
    found = closed.astype(np.int16) - grey > CONTRAST
    long_enough = _keep_long(found, 2 * length)
    hair: NDArray[np.bool_] = ndimage.binary_dilation(long_enough, iterations=1)
    return hair


def remove_hair(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the photograph with hairs replaced by the nearest skin, smoothed."""
    hair = find_hair(pixels)
    if not hair.any() or hair.all():
        return pixels
    nearest = ndimage.distance_transform_edt(hair, return_distances=False, return_indices=True)
    filled = pixels[tuple(nearest)]
    smooth = ndimage.uniform_filter(filled, size=(5, 5, 1), mode="nearest")
    return np.where(hair[..., None], smooth, pixels)


def _make_lines(length: int) -> list[NDArray[np.bool_]]:
    flat = np.ones((1, length), bool)
    slope = np.eye(length, dtype=bool)
    return [flat, flat.T, slope, slope[::-1]]


def _keep_long(found: NDArray[np.bool_], extent: int) -> NDArray[np.bool_]:
    labels, count = ndimage.label(found, structure=np.ones((3, 3)))
    if not count:
        return found
    boxes = ndimage.find_objects(labels)
    long = np.zeros(count + 1, bool)
    for number, (rows, columns) in enumerate(boxes, start=1):
        long[number] = np.hypot(rows.stop - rows.start, columns.stop - columns.start) >= extent
    kept: NDArray[np.bool_] = long[labels]
    return kept
