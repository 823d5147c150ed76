"""Measures of drawn shapes, by hand and by slow twins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.analysis.hull import find_hull
from nevus.analysis.lesion import (
    Abcd,
    measure_asymmetry,
    measure_lesion,
    measure_perimeter,
)
from nevus.errors import UsageError

SIZE = (201, 201)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
FROM_CENTRE = np.hypot(ROWS - 100, COLUMNS - 100)
DISC = FROM_CENTRE <= 80
ELLIPSE = ((ROWS - 100) / 40) ** 2 + ((COLUMNS - 100) / 80) ** 2 <= 1
HALF_DISC = DISC & (ROWS <= 100)
CORNER = np.zeros(SIZE, bool)
CORNER[40:160, 40:70] = CORNER[130:160, 40:160] = True


def grey() -> np.ndarray:
    return np.full((*SIZE, 3), 200, np.uint8)


def measure(mask: np.ndarray, **options: float) -> Abcd:
    return measure_lesion(grey(), mask, **options)


def mirror_slowly(mask: np.ndarray, axis: np.ndarray) -> float:
    """Share of pixels whose mirror image misses the lesion, taken pixel by pixel."""
    points = np.argwhere(mask)
    centre = points.mean(axis=0)
    missed = 0
    for point in points:
        away = point - centre
        row, column = np.rint(2 * (away @ axis) * axis - away + centre).astype(int)
        inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
        missed += not (inside and mask[row, column])
    return missed / len(points)


def cross_slowly(mask: np.ndarray) -> float:
    """Crofton's sum with loops: lines in four directions, one by one."""
    padded = np.pad(mask, 1)
    total = 0.0
    for down, right, apart in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.5**0.5), (1, -1, 0.5**0.5)):
        for row in range(padded.shape[0]):
            for column in range(padded.shape[1]):
                there = (row + down, column + right)
                if there[0] < padded.shape[0] and 0 <= there[1] < padded.shape[1]:
                    total += apart * (padded[row, column] != padded[there])
    return math.pi / 8 * total


def test_a_disc() -> None:
    found = measure(DISC)
    assert found.asymmetry == pytest.approx(0, abs=1e-6)
    assert found.compactness == pytest.approx(1, abs=0.02)
    assert found.solidity == pytest.approx(1, abs=0.02)
    assert found.perimeter_pixels == pytest.approx(2 * math.pi * 80, rel=0.01)
    assert found.equal_area_pixels == pytest.approx(160, rel=0.01)
    assert found.feret_pixels == pytest.approx(161, abs=0.6)
    assert found.area_share == DISC.mean()
    assert found.area_pixels == DISC.sum()


def test_an_ellipse() -> None:
    found = measure(ELLIPSE)
    assert found.asymmetry == pytest.approx(0, abs=1e-6)
    # Ramanujan's approximation of the circumference for half axes 80 and 40.
    length = math.pi * (3 * 120 - math.sqrt((3 * 80 + 40) * (80 + 3 * 40)))
    assert found.perimeter_pixels == pytest.approx(length, rel=0.01)
    assert found.compactness == pytest.approx(length**2 / (4 * math.pi**2 * 80 * 40), rel=0.03)
    assert found.feret_pixels == pytest.approx(161, abs=0.6)


def test_a_half_disc_is_symmetric_one_way_only() -> None:
    found = measure(HALF_DISC)
    # Folded along the line through its centre of mass, 4 R / (3 pi) off the straight side.
    heights = np.linspace(0, 80, 20001)
    fold = 2 * 4 * 80 / (3 * math.pi)
    width = np.sqrt(np.clip(80**2 - heights**2, 0, None))
    mirrored = np.interp(fold - heights, heights, width, left=0, right=0)
    expected = 1 - np.minimum(width, mirrored).sum() / width.sum()
    assert found.asymmetry_minor == pytest.approx(0, abs=1e-6)
    assert found.asymmetry_major == pytest.approx(expected, abs=0.01)
    assert found.asymmetry == pytest.approx(expected / 2, abs=0.01)


def test_an_l_shape() -> None:
    found = measure(CORNER)
    diagonal = np.array([1.0, 1.0]) / math.sqrt(2)
    across = np.array([1.0, -1.0]) / math.sqrt(2)
    assert found.asymmetry_major == pytest.approx(mirror_slowly(CORNER, diagonal), abs=0.03)
    assert found.asymmetry_minor == pytest.approx(mirror_slowly(CORNER, across), abs=0.03)
    assert found.asymmetry_major > 0.5
    # Six sides of 120, 30, 90, 90, 30, 120; the hull cuts off half a square of 90.
    area = 120 * 30 + 90 * 30
    assert found.area_pixels == area
    assert found.solidity == pytest.approx(area / (120 * 120 - 90 * 90 / 2), rel=1e-9)
    assert found.perimeter_pixels == pytest.approx(480, rel=0.06)
    assert found.feret_pixels == pytest.approx(math.hypot(120, 120), rel=1e-9)


def test_a_square_of_one_pixel() -> None:
    mask = np.zeros(SIZE, bool)
    mask[7, 9] = True
    found = measure(mask)
    assert found.feret_pixels == pytest.approx(math.sqrt(2))
    assert found.solidity == 1
    assert found.asymmetry == 0
    assert find_hull(mask).tolist() == sorted_corners(find_hull(mask))


def sorted_corners(points: np.ndarray) -> list[list[float]]:
    assert {tuple(point) for point in points} == {(7, 9), (8, 9), (7, 10), (8, 10)}
    return points.tolist()


@pytest.mark.parametrize("mask", [DISC, ELLIPSE, CORNER, HALF_DISC])
def test_the_perimeter_has_a_slow_twin(mask: np.ndarray) -> None:
    small = mask[::4, ::4]
    assert measure_perimeter(small) == pytest.approx(cross_slowly(small))


def test_turning_and_mirroring_change_nothing() -> None:
    generator = np.random.default_rng(3)
    waves = 50 + 12 * np.sin(3 * np.arctan2(ROWS - 100, COLUMNS - 90) + generator.random())
    mask = np.hypot(ROWS - 100, COLUMNS - 90) < waves + 0.2 * ROWS
    whole = measure(mask)
    for turned in (mask.T, mask[::-1], mask[:, ::-1], np.rot90(mask)):
        found = measure(np.ascontiguousarray(turned))
        for name in ("asymmetry", "compactness", "solidity", "feret_pixels"):
            assert getattr(found, name) == pytest.approx(getattr(whole, name), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("factor", [2, 5])
def test_size_hardly_matters(factor: int) -> None:
    large = np.repeat(np.repeat(CORNER, factor, 0), factor, 1)
    small, found = measure(CORNER), measure_lesion(np.zeros((*large.shape, 3), np.uint8), large)
    assert found.asymmetry == pytest.approx(small.asymmetry, abs=0.01)
    assert found.compactness == pytest.approx(small.compactness, rel=0.03)
    assert found.solidity == pytest.approx(small.solidity, rel=1e-6)
    assert found.feret_pixels == pytest.approx(factor * small.feret_pixels)
    assert found.perimeter_pixels == pytest.approx(factor * small.perimeter_pixels, rel=0.03)


def test_millimetres_need_a_scale() -> None:
    assert measure(DISC).feret_mm is None
    found = measure(DISC, mm_per_pixel=0.05)
    assert found.feret_mm == pytest.approx(0.05 * found.feret_pixels)
    assert found.equal_area_mm == pytest.approx(8.0, rel=0.01)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_no_scale_at_all(scale: float) -> None:
    with pytest.raises(UsageError, match="mm per pixel"):
        measure(DISC, mm_per_pixel=scale)


def test_an_empty_mask_is_said_to_be_empty() -> None:
    found = measure(np.zeros(SIZE, bool))
    assert found.empty
    assert found.area_share == 0
    left = set(Abcd.model_fields) - {"empty", "area_share", "area_pixels"}
    assert all(getattr(found, name) is None for name in left)


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="mask is"):
        measure_lesion(grey(), DISC[:-1])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
def test_any_mask_has_finite_measures(seed: int, height: int, width: int) -> None:
    generator = np.random.default_rng(seed)
    mask = generator.random((height, width)) < generator.random()
    pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = measure_lesion(pixels, mask)
    if mask.any():
        assert 0 <= found.asymmetry <= 1
        assert 0 < found.solidity <= 1
        assert found.feret_pixels >= found.equal_area_pixels * 0.99
        assert sum(found.colour_shares.values()) <= 1 + 1e-9
        assert measure_asymmetry(mask) == (found.asymmetry_major, found.asymmetry_minor)
    assert found.empty is not bool(mask.any())
