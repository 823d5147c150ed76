"""The permutohedral lattice: Gaussian filtering of scattered points in a few dimensions.

Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice, 2010
(https://graphics.stanford.edu/papers/permutohedral/). Here the lattice is written as the integer
vectors of d + 1 numbers, where vectors that differ by a multiple of (1, ..., 1) are one vertex.
In this form the simplex around a point comes from sorting its fractional parts, a neighbour is
one more or one less in one number, and an address is linear in the vector.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from nevus.errors import UsageError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

_CHUNK: Final = 1 << 13
"""Points worked off at once: all intermediate rows together then stay in a core's cache."""
_MAX_TABLE: Final = 1 << 27
"""Largest number of addresses looked up in a table (one byte and four bytes each)."""
_FRACTION_BITS: Final = 20
_MAX_WHOLE_BITS: Final = 18
"""So that at least 12 bits tell places inside a simplex."""
_LABEL_BITS: Final = 4
"""Beside the fraction, for the coordinate it belongs to: both are sorted as one number."""
_MAX_DIMENSIONS: Final = (1 << _LABEL_BITS) - 1


@dataclass(frozen=True)
class Lattice:
    """A Gaussian filter over N fixed points; see `build_lattice`.

    Args:
        weights: (N, V) sparse, d + 1 barycentric weights a row, of sum 1 unless normalised.
        below: (d + 1, V) vertex before each vertex along each axis; V where there is none.
        above: (d + 1, V) vertex after it.
    """

    weights: "csr_array"
    below: IntArray
    above: IntArray

    @property
    def vertices(self) -> int:
        """The number of vertices, V."""
        return int(self.weights.shape[1])

    def filter(self, values: FloatArray, scale: float = 1.0) -> FloatArray:
        """Return scale * sum_j K_ij values_j for every point i: splat, blur, slice.

        K_ij is exp(-sum_k (f_ik - f_jk)^2 / (2 sigma_k^2)) up to a factor that is the same for
        all points; normalised, the same divided by the root of its two row sums.

        Args:
            values: (N,) float32.
            scale: A factor.

        Returns:
            (N,) float32.
        """
        # One vertex more, always 0, stands for the neighbours that no point touches.
        field = np.zeros(self.vertices + 1, dtype=np.float32)
        field[:-1] = self.weights.T @ values
        for below, above in zip(self.below, self.above, strict=True):
            around = field[below]
            around += field[above]
            around *= 0.5
            field[:-1] += around
        field *= np.float32(scale)
        return np.asarray(self.weights @ field[:-1], dtype=np.float32)


def build_lattice(
    planes: Sequence[npt.NDArray[Any]], sigmas: Sequence[float], *, normalized: bool = False
) -> Lattice:
    """Return the lattice that filters N points by the distance of their features.

    Args:
        planes: d arrays of one shape, d from 1 to 15, N elements each: one feature of all points.
            Any number type; broadcast views are welcome, since nothing is copied whole.
        sigmas: d standard deviations of the filter, one for each feature.
        normalized: Filter with D^-1/2 K D^-1/2 instead of K, D being the row sums of K.

    Raises:
        UsageError: The features are not finite numbers of one shape, or spread so far that their
            vertices cannot be addressed.
    """
    _require_features(planes, sigmas)
    elevation = _make_elevation(sigmas)
    addressing = _make_addressing(elevation, planes)
    addresses, weights = _enclose(elevation, planes, addressing)
    occupied, ids = _number_vertices(addresses, addressing.size)
    below = _find_neighbours(occupied, -addressing.strides)
    above = _find_neighbours(occupied, addressing.strides)
    lattice = Lattice(_make_matrix(ids, weights, occupied.size), below, above)
    if normalized:
        sums = lattice.filter(np.ones(len(weights), dtype=np.float32))
        # Into the weights once, instead of twice over all points in every filtering.
        _divide_rows(weights, np.sqrt(sums, out=sums))
    return lattice


def _require_features(planes: Sequence[npt.NDArray[Any]], sigmas: Sequence[float]) -> None:
    shapes = sorted({plane.shape for plane in planes})
    if not 1 <= len(planes) == len(sigmas) <= _MAX_DIMENSIONS:
        raise UsageError(
            f"{len(planes)} features and {len(sigmas)} standard deviations, expected as many of "
            f"both, 1 to {_MAX_DIMENSIONS}"
        )
    if len(shapes) != 1 or math.prod(shapes[0]) == 0 or not shapes[0]:
        raise UsageError(f"features have shapes {shapes}, expected one shape that is not empty")
    if not all(0 < sigma < math.inf for sigma in sigmas):
        raise UsageError(f"standard deviations are {tuple(sigmas)}, expected numbers above 0")


def _read_chunks(planes: Sequence[npt.NDArray[Any]]) -> Iterator[tuple[slice, FloatArray]]:
    """Yield places of points and their features, (d, n) float32, a few rows at a time."""
    rows = len(planes[0])
    width = planes[0].size // rows
    step = max(1, _CHUNK // width)
    for begin in range(0, rows, step):
        end = min(begin + step, rows)
        features = np.empty((len(planes), end - begin, *planes[0].shape[1:]), dtype=np.float32)
        for row, plane in zip(features, planes, strict=True):
            row[:] = plane[begin:end]
        yield slice(begin * width, end * width), features.reshape(len(planes), -1)


def _make_elevation(sigmas: Sequence[float]) -> FloatArray:
    """Return (d + 1, d): features to lattice coordinates, whose blur has the wanted width.

    Adams et al., section 3.1: an orthogonal basis of the hyperplane of sum 0, scaled by
    sqrt(2/3) (d + 1) for the variance of splat, blur and slice; divided by d + 1 so that
    vertices are whole numbers.
    """
    elevation = np.zeros((len(sigmas) + 1, len(sigmas)))
    for column, sigma in enumerate(sigmas):
        elevation[: column + 1, column] = 1.0
        elevation[column + 1, column] = -(column + 1)
        elevation[:, column] *= math.sqrt(2 / 3 / (column + 1) / (column + 2)) / sigma
    return elevation.astype(np.float32)


@dataclass(frozen=True)
class _Addressing:
    """How a vertex becomes a number below `size`, and how finely places between them are told.

    Args:
        strides: (d + 1,) int64, what one more in each coordinate adds to the address.
        origin: The address of the vertex (0, ..., 0).
        size: The number of addresses.
        fraction_bits: Bits of a fixed-point coordinate behind the point.
    """

    strides: npt.NDArray[np.int64]
    origin: int
    size: int
    fraction_bits: int


def _make_addressing(elevation: FloatArray, planes: Sequence[npt.NDArray[Any]]) -> _Addressing:
    """Return a dense numbering of all vertices the points can need.

    Differences of adjacent coordinates number the vertices: they do not change along
    (1, ..., 1), and they stay small for correlated features such as colours.
    """
    differences = elevation[:-1] - elevation[1:]
    low = np.full(len(differences), np.inf, dtype=np.float32)
    high = -low
    for _, features in _read_chunks(planes):
        values = differences @ features
        np.minimum(low, values.min(axis=1), out=low)
        np.maximum(high, values.max(axis=1), out=high)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise UsageError("features hold numbers that are not finite")
    # One step of room for the neighbours on either side, and a little for rounding.
    first = np.floor(low - 0.01).astype(np.int64) - 1
    spans = np.ceil(high + 0.01).astype(np.int64) + 2 - first
    # Coordinates sum to 0, so none is larger than all differences together.
    largest = np.maximum(np.abs(low), np.abs(high)).astype(np.float64).sum() + 1
    whole_bits = math.ceil(math.log2(largest))
    if np.prod(spans.astype(np.float64)) >= 2.0**62 or whole_bits > _MAX_WHOLE_BITS:
        raise UsageError(
            "features spread over too many standard deviations for a lattice",
            hint="larger standard deviations",
        )
    radix = np.append(np.cumprod(spans[:0:-1])[::-1], 1)
    strides = np.append(radix, 0) - np.insert(radix, 0, 0)
    bits = min(_FRACTION_BITS, 30 - whole_bits)
    return _Addressing(strides, -int(first @ radix), int(np.prod(spans)), bits)


def _enclose(
    elevation: FloatArray, planes: Sequence[npt.NDArray[Any]], addressing: _Addressing
) -> tuple[npt.NDArray[Any], FloatArray]:
    """Return addresses and weights, (N, d + 1) each, of the simplex around every point."""
    kind = np.int32 if addressing.size <= _MAX_TABLE else np.int64
    strides = addressing.strides.astype(kind)
    bits, scale = addressing.fraction_bits, np.float32(1 << addressing.fraction_bits)
    corners, points = len(elevation), planes[0].size
    addresses = np.empty((points, corners), dtype=kind)
    weights = np.empty((points, corners), dtype=np.float32)
    labels = np.arange(corners - 1, -1, -1, dtype=np.int32)[:, None]
    for here, features in _read_chunks(planes):
        fixed = (elevation @ features * scale).astype(np.int32)
        address: npt.NDArray[Any] = np.full(fixed.shape[1], addressing.origin, dtype=kind)
        for row, stride in zip(fixed, strides, strict=True):
            address += (row >> bits) * stride
        # Fraction and coordinate share a number, so that one sort orders both.
        fixed &= (1 << bits) - 1
        fixed <<= _LABEL_BITS
        fixed |= labels
        _sort_rows(fixed)
        steps = strides[::-1].take(fixed & ((1 << _LABEL_BITS) - 1))
        fractions = (fixed >> _LABEL_BITS).astype(np.float32)
        fractions /= scale
        addresses[here, 0] = address
        weights[here, 0] = 1 - fractions[0] + fractions[-1]
        for corner in range(1, corners):
            address += steps[corner - 1]
            addresses[here, corner] = address
            weights[here, corner] = fractions[corner - 1] - fractions[corner]
    return addresses, weights


def _sort_rows(rows: IntArray) -> None:
    """Sort every column downwards, largest first, by a network of minima and maxima."""
    spare = np.empty_like(rows[0])
    for last in range(len(rows) - 1, 0, -1):
        for row in range(last):
            upper, lower = rows[row], rows[row + 1]
            np.minimum(upper, lower, out=spare)
            np.maximum(upper, lower, out=upper)
            lower[:] = spare


def _number_vertices(
    addresses: npt.NDArray[Any], size: int
) -> tuple[npt.NDArray[np.int64], IntArray]:
    """Return the sorted addresses that occur and, for every address, its place among them."""
    if size > _MAX_TABLE:
        occupied, inverse = np.unique(addresses, return_inverse=True)
        return occupied, inverse.reshape(addresses.shape).astype(np.int32)
    seen = np.zeros(size, dtype=np.bool_)
    chunks = [addresses[begin : begin + _CHUNK] for begin in range(0, len(addresses), _CHUNK)]
    for chunk in chunks:
        # Nearly all have been seen: looking is three times faster than writing them again.
        seen[chunk[~seen.take(chunk)]] = True
    occupied = np.flatnonzero(seen)
    table = np.empty(size, dtype=np.int32)
    table[occupied] = np.arange(occupied.size, dtype=np.int32)
    for chunk in chunks:
        chunk[:] = table.take(chunk)
    return occupied, addresses


def _find_neighbours(occupied: npt.NDArray[np.int64], strides: npt.NDArray[np.int64]) -> IntArray:
    """Return (d + 1, V): the place of each vertex's neighbour along each axis, else V."""
    neighbours = np.empty((strides.size, occupied.size), dtype=np.int32)
    for row, stride in zip(neighbours, strides, strict=True):
        wanted = occupied + stride
        place = np.searchsorted(occupied, wanted)
        found = occupied[np.minimum(place, occupied.size - 1)] == wanted
        row[:] = np.where(found, place, occupied.size)
    return neighbours


def _make_matrix(ids: IntArray, weights: FloatArray, vertices: int) -> "csr_array":
    # Most chains have no CRF; they should not wait for it to load.
    from scipy.sparse import csr_array

    points, corners = ids.shape
    rows = np.arange(0, points * corners + 1, corners, dtype=np.int32)
    return csr_array((weights.ravel(), ids.ravel(), rows), shape=(points, vertices))


def _divide_rows(weights: FloatArray, divisors: FloatArray) -> None:
    for begin in range(0, len(weights), _CHUNK):
        chunk = weights[begin : begin + _CHUNK]
        chunk /= np.repeat(divisors[begin : begin + _CHUNK], weights.shape[1]).reshape(chunk.shape)
