"""The convex hull of a mask, and what is measured on it."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]


def find_hull(mask: Mask) -> Points:
    """Return the corners (N, 2) of the convex hull of a mask's pixels, taken as squares.

    In order around it. Andrew 1979, "Another efficient algorithm for convex hulls in two
    dimensions", on each row's first and last pixel, which come sorted.

    Args:
        mask: (H, W) bool, not empty.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    # A pixel is a square: its row has an upper edge and a lower one, shared with the next row.
    edges = np.union1d(rows, rows + 1)
    leftmost = np.full(len(edges), mask.shape[1])
    rightmost = np.zeros(len(edges), np.intp)
    for shift in (0, 1):
        places = np.searchsorted(edges, rows + shift)
        np.minimum.at(leftmost, places, first)
        np.maximum.at(rightmost, places, last)
    left = _walk(edges.tolist(), leftmost.tolist(), 1)
    right = _walk(edges.tolist(), rightmost.tolist(), -1)
    return np.array(left + right[::-1], np.float64)


def measure_length(hull: Points) -> float:
    """Return the longest distance between two corners, Feret's diameter."""
    apart = hull[:, None] - hull[None]
    return float(np.sqrt((apart**2).sum(axis=2).max()))


def measure_area(hull: Points) -> float:
    """Return the area within corners in order, by the shoelace formula."""
    rows, columns = hull.T
    return 0.5 * abs(float(rows @ np.roll(columns, -1) - columns @ np.roll(rows, -1)))


def _walk(rows: list[int], columns: list[int], side: int) -> list[tuple[int, int]]:
    """Return the corners of one chain, top to bottom; `side` is 1 for the left, -1 the right."""
    chain: list[tuple[int, int]] = []
    for row, column in zip(rows, columns, strict=True):
        while len(chain) > 1:
            (far, there), (near, here) = chain[-2:]
            if side * (here - there) * (row - far) < side * (column - there) * (near - far):
                break
            chain.pop()
        chain.append((row, column))
    return chain
