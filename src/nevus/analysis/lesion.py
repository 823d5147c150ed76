"""ABCD: what can be measured of a lesion's outline and colours, each with its formula.

These are numbers, not scores of the clinical ABCD rule: its weights were fitted to a physician's
judgement, and half of what it asks for is not measured here. `nevus.analysis.definitions` has the
formulas in a table and what is left out in words.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from nevus.analysis.finite import Finite
from nevus.analysis.hull import find_hull, measure_area, measure_length
from nevus.analysis.palette import COLOURS, COUNTED_FROM, share_colours
from nevus.errors import UsageError
from nevus.imaging.resizing import resize_mask

Mask = NDArray[np.bool_]

LONG_SIDE: Final = 256
"""Outlines are measured with the lesion's box reduced to this many pixels, never enlarged."""


LARGEST_SCALE: Final = 10.0
"""Millimetres that a pixel may stand for: a dermoscopy shows a few of them on its whole width."""

_LARGEST_SIDE: Final = 2048


class Abcd(Finite):
    """Measures of one lesion; everything but `empty` and `area_share` is None where it is empty.

    Attributes:
        empty: There is no lesion in the mask.
        area_share: Lesion pixels over all pixels, [0, 1].
        area_pixels: Lesion pixels.
        asymmetry_major: Share that does not overlap when folded along the longer axis, [0, 1].
        asymmetry_minor: The same along the shorter axis.
        asymmetry: Mean of both.
        compactness: Perimeter^2 / (4 pi area), 1 for a disc.
        solidity: Area over that of the convex hull, (0, 1].
        perimeter_pixels: By Crofton's formula, in the photograph's pixels.
        colour_shares: Share of the lesion per clinical colour; what is near none is left out.
        colours: Those that cover at least `COUNTED_FROM`, in the order of `COLOURS`.
        colours_corrected: Whether the camera's cast was taken off by the skin around.
        feret_pixels: Longest distance within the lesion.
        equal_area_pixels: Diameter of the disc of the same area.
        feret_mm: In mm, None without a scale.
        equal_area_mm: In mm, None without a scale.
    """

    empty: bool
    area_share: float
    area_pixels: int
    asymmetry_major: float | None = None
    asymmetry_minor: float | None = None
    asymmetry: float | None = None
    compactness: float | None = None
    solidity: float | None = None
    perimeter_pixels: float | None = None
    colour_shares: dict[str, float] | None = None
    colours: tuple[str, ...] | None = None
    colours_corrected: bool | None = None
    feret_pixels: float | None = None
    equal_area_pixels: float | None = None
    feret_mm: float | None = None
    equal_area_mm: float | None = None


def measure_lesion(
    pixels: NDArray[np.uint8], mask: Mask, *, mm_per_pixel: float | None = None
) -> Abcd:
    """Return the measures of a lesion.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        mask: (H, W) bool; several regions count as one lesion.
        mm_per_pixel: Scale of the photograph, None where unknown: then there are no millimetres.

    Raises:
        ValueError: Photograph and mask differ in size.
        UsageError: The scale is not a positive number.
    """
    if mask.shape != pixels.shape[:2]:
        raise ValueError(f"mask is {mask.shape}, photograph {pixels.shape[:2]}")
    check_scale(mm_per_pixel)
    area = int(np.count_nonzero(mask))
    if area == 0:
        return Abcd(empty=True, area_share=0.0, area_pixels=0)
    box, factor = _crop(mask)
    major, minor = measure_asymmetry(box)
    perimeter = measure_perimeter(box)
    hull = find_hull(mask)
    feret = measure_length(hull)
    equal = 2 * math.sqrt(area / math.pi)
    shares, corrected = share_colours(pixels, mask)
    return Abcd(
        empty=False,
        area_share=area / mask.size,
        area_pixels=area,
        asymmetry_major=major,
        asymmetry_minor=minor,
        asymmetry=(major + minor) / 2,
        compactness=perimeter**2 / (4 * math.pi * np.count_nonzero(box)),
        solidity=min(area / measure_area(hull), 1.0),
        perimeter_pixels=perimeter / factor,
        colour_shares=shares,
        colours_corrected=corrected,
        colours=tuple(name for name in COLOURS if shares[name] >= COUNTED_FROM),
        feret_pixels=feret,
        equal_area_pixels=equal,
        feret_mm=None if mm_per_pixel is None else feret * mm_per_pixel,
        equal_area_mm=None if mm_per_pixel is None else equal * mm_per_pixel,
    )


def check_scale(mm_per_pixel: float | None) -> None:
    """Refuse a scale that no photograph through a dermatoscope can have.

    Raises:
        UsageError: It is none.
    """
    if mm_per_pixel is not None and not 0 < mm_per_pixel <= LARGEST_SCALE:
        raise UsageError(
            f"{mm_per_pixel} mm per pixel, expected a number above 0, {LARGEST_SCALE:g} at most"
        )


def measure_asymmetry(mask: Mask) -> tuple[float, float]:
    """Return the share that does not overlap when folded along the longer and the shorter axis.

    |M xor M'| / (2 |M|), where M' is M reflected at a principal axis of its second moments through
    its centre of mass: 0 for what is symmetric, 1 where nothing meets. Stoecker, Li and Moss 1992,
    "Automatic detection of asymmetry in skin tumors".

    Args:
        mask: (H, W) bool, not empty.
    """
    points = np.argwhere(mask).astype(np.float64)
    centre = points.mean(axis=0)
    # numpy sorts ascending: the last axis is the longer one.
    axes = np.linalg.eigh((points - centre).T @ (points - centre))[1]
    padded = np.pad(mask.astype(np.float32), 1)
    found = []
    for axis in (axes[:, 1], axes[:, 0]):
        mirror = 2 * np.outer(axis, axis) - np.eye(2)
        # Every lesion pixel asks what lies at its mirror place; sub-pixel places are mixed.
        places = (points - centre) @ mirror.T + centre + 1
        there = map_coordinates(padded, places.T, order=1, mode="constant")
        found.append(float(np.clip(1 - there.mean(), 0, 1)))
    return found[0], found[1]


def measure_perimeter(mask: Mask) -> float:
    """Return the length of the outline, pixels, from how often lines in 4 directions cross it.

    Cauchy and Crofton: the length is half the integral of crossings over all lines. Horizontal and
    vertical lines lie 1 apart, diagonal ones 1 / sqrt(2); each direction stands for pi / 4. Right
    for a disc (below 1 % from 20 pixels of diameter on), 5 % too short for an upright square.
    Legland, Kieu and Devaux 2007, "Computation of Minkowski measures on 2D and 3D binary images".

    Args:
        mask: (H, W) bool; the picture's border counts as outside.
    """
    padded = np.pad(mask, 1)
    straight = np.count_nonzero(padded[1:] != padded[:-1])
    straight += np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    diagonal = np.count_nonzero(padded[1:, 1:] != padded[:-1, :-1])
    diagonal += np.count_nonzero(padded[1:, :-1] != padded[:-1, 1:])
    return math.pi / 8 * (straight + diagonal / math.sqrt(2))


def _crop(mask: Mask) -> tuple[Mask, float]:
    """Return the lesion's box at `LONG_SIDE` at most, and by what it was multiplied."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    factor = LONG_SIDE / max(box.shape)
    if factor >= 1:
        return box, 1.0
    size = (max(round(box.shape[0] * factor), 1), max(round(box.shape[1] * factor), 1))
    # Floats of the whole box of a large photograph would take hundreds of megabytes.
    step = max(max(box.shape) // _LARGEST_SIDE, 1)
    small = resize_mask(box[::step, ::step], size)
    # Threads thinner than half a pixel vanish; they are measured at full size then.
    return (small, size[0] / box.shape[0]) if small.any() else (box, 1.0)
