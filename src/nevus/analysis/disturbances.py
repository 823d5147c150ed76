"""What lies over or around the skin of a dermoscopy: dark corners, hair, blur; plain measures."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, gaussian_filter, label

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

REFERENCE_SIDE: Final = 256
"""Long side, pixels, at which all of this is measured: what is finer, networks do not see."""

_DARK: Final = 12.0
_LINE_REACH, _LINE_ANGLES = 5, 8
_HAIR_STEP: Final = 9.0
_HAIR_EXTENT, _HAIR_FILL = 24, 0.22
_FINE, _COARSE = (0.0, 1.0), (4.0, 8.0)


def find_dark_corners(lightness: Floats) -> Mask:
    """Return (H, W) bool: what is darker than L* 12 and joined to one of the four corners.

    Args:
        lightness: (H, W) of CIELAB, [0, 100].
    """
    regions, count = label(lightness < _DARK, np.ones((3, 3)))
    if not count:
        return np.zeros(lightness.shape, bool)
    reach = max(2, min(lightness.shape) // 40)
    ends = (slice(0, reach), slice(-reach, None))
    corners = np.concatenate([regions[rows, columns].ravel() for rows in ends for columns in ends])
    return np.isin(regions, np.setdiff1d(corners, 0))


def find_hair(lightness: Floats) -> Mask:
    """Return (H, W) bool: thin, long, dark lines.

    Closings by short straight lines fill a hair unless they run along it, so the largest and the
    smallest of closings in eight directions differ on a hair; on a dot all fill, on a broad dark
    area none does. Kept are regions that are long for their area. After Lee et al. 1997,
    "DullRazor", which fills hairs by the largest closing alone.

    Args:
        lightness: (H, W) of CIELAB, [0, 100].
    """
    turns = np.arange(_LINE_ANGLES) * math.pi / _LINE_ANGLES
    closed = np.stack([_close_along(lightness, turn) for turn in turns])
    contrast = np.minimum(closed.max(axis=0) - closed.min(axis=0), closed.max(axis=0) - lightness)
    regions, count = label(contrast > _HAIR_STEP, np.ones((3, 3)))
    areas = np.bincount(regions.ravel(), minlength=count + 1)
    kept = [
        place
        for place, box in enumerate(find_objects(regions), start=1)
        if _is_long(areas[place], box[0].stop - box[0].start, box[1].stop - box[1].start)
    ]
    return np.isin(regions, kept)


def measure_blur(lightness: Floats, inside: Mask) -> float:
    """Return the logarithm of fine over coarse detail: high is sharp, low is blurred.

    Standard deviations of L* after band filters of 0 to 1 and 4 to 8 pixels; their quotient does
    not depend on contrast, and hardly on the camera, since the photograph was brought to
    `REFERENCE_SIDE` before.

    Args:
        lightness: (H, W) of CIELAB, [0, 100].
        inside: (H, W) bool, where to look; not empty.
    """
    spread = []
    for narrow, wide in (_FINE, _COARSE):
        less = gaussian_filter(lightness, narrow) if narrow else lightness
        band = less - gaussian_filter(lightness, wide)
        spread.append(float(band[inside].std()))
    return math.log((spread[0] + 0.02) / (spread[1] + 0.02))


def find_inside(shape: tuple[int, int]) -> Mask:
    """Return (H, W) bool: the ellipse that fills four fifths of the photograph's sides."""
    rows, columns = ((2 * np.arange(side) + 1) / side - 1 for side in shape)
    return np.asarray(np.hypot(rows[:, None], columns[None]) < 0.8)


def _close_along(values: Floats, turn: float) -> Floats:
    """Return the grey closing by a straight line of 11 pixels in a direction."""
    steps = range(-_LINE_REACH, _LINE_REACH + 1)
    shifts = [(round(step * math.sin(turn)), round(step * math.cos(turn))) for step in steps]
    return _fold(_fold(values, shifts, np.maximum), shifts, np.minimum)


def _fold(values: Floats, shifts: list[tuple[int, int]], join: np.ufunc) -> Floats:
    height, width = values.shape
    reach = _LINE_REACH
    wide = np.pad(values, reach, mode="edge")
    folded = values.copy()
    for down, right in shifts:
        part = wide[reach + down : reach + down + height, reach + right : reach + right + width]
        join(folded, part, out=folded)
    return folded


def _is_long(area: int, height: int, width: int) -> bool:
    extent = math.hypot(height, width)
    return extent >= _HAIR_EXTENT and area / extent**2 <= _HAIR_FILL
