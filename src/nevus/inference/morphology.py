"""Shapes of masks: opening and closing with a disk, connected regions, holes.

All functions take and return (H, W) bool, leave their input alone and pass an empty mask through.
Regions hang together along sides and corners, holes along sides only, so that a closed outline
one pixel wide has an inside (Rosenfeld, Connectivity in Digital Pictures, 1970).
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]

_ALONG_CORNERS = np.ones((3, 3), dtype=np.bool_)


def open_disk(mask: Mask, radius: float) -> Mask:
    """Return what a disk can cover without leaving the mask; `radius` in pixels.

    What lies outside the photograph counts as lesion, so that one cut off by the edge keeps its
    corners there.
    """
    reach = math.ceil(radius)
    box = _find_box(mask, reach)
    opened = np.zeros_like(mask)
    opened[box] = _dilate(~_dilate(~mask[box], radius), radius)
    return opened


def close_disk(mask: Mask, radius: float) -> Mask:
    """Return all that a disk outside the mask cannot cover; `radius` in pixels."""
    reach = math.ceil(radius)
    box = _find_box(mask, 0)
    closed = np.zeros_like(mask)
    # Room around it: a disk may be partly outside the photograph, and the mask grow into there.
    grown = _dilate(np.pad(mask[box], reach), radius)
    height, width = mask[box].shape
    closed[box] = ~_dilate(~grown, radius)[reach : reach + height, reach : reach + width]
    return closed


def drop_regions(mask: Mask, pixels: float) -> Mask:
    """Return the regions of at least so many pixels."""
    labels, sizes = _find_regions(mask)
    keep = sizes >= pixels
    keep[0] = False
    return np.asarray(keep[labels], dtype=np.bool_)


def keep_largest(mask: Mask) -> Mask:
    """Return the largest region; of equal ones the first from the top left."""
    labels, sizes = _find_regions(mask)
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax(), dtype=np.bool_) & mask


def fill_holes(mask: Mask) -> Mask:
    """Return the mask with all background that the edge of the photograph cannot reach."""
    labels, count = ndimage.label(~mask)
    reached = np.zeros(count + 1, dtype=np.bool_)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reached[edge] = True
    reached[0] = False
    return np.asarray(~reached[labels], dtype=np.bool_)


def _find_regions(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Return (H, W) region numbers, 0 for background, and the size of each number."""
    labels, count = ndimage.label(mask, structure=_ALONG_CORNERS)
    return labels, np.bincount(labels.ravel(), minlength=count + 1)


def _find_box(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of the mask with a margin, as far as the photograph goes."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _dilate(mask: Mask, radius: float) -> Mask:
    """Return all pixels within `radius` of the mask.

    The disk is a stack of rows, longer towards its middle: the mask widened for one row is the
    start for the next, which makes about 4 radius whole-array operations.
    """
    height, width = mask.shape
    grown, wide, half = np.zeros_like(mask), mask.copy(), 0
    for offset in range(min(math.floor(radius), height - 1), -1, -1):
        wanted = min(math.floor(math.sqrt(radius**2 - offset**2)), width - 1)
        for shift in range(half + 1, wanted + 1):
            wide[:, shift:] |= mask[:, :-shift]
            wide[:, :-shift] |= mask[:, shift:]
        half = max(half, wanted)
        grown[offset:] |= wide[: height - offset]
        grown[: height - offset] |= wide[offset:]
    return grown
