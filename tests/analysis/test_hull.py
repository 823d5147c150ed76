"""The hull against scipy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from nevus.analysis.hull import find_hull, measure_area, measure_length


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), height=st.integers(1, 12), width=st.integers(1, 12))
def test_the_same_as_scipy(seed: int, height: int, width: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    mask[seed % height, seed % width] = True
    squares = np.argwhere(mask)[:, None] + [[0, 0], [0, 1], [1, 0], [1, 1]]
    known = ConvexHull(squares.reshape(-1, 2))
    hull = find_hull(mask)
    wanted = {tuple(point) for point in known.points[known.vertices]}
    assert {tuple(point) for point in hull} == wanted
    assert len(hull) == len(wanted)
    assert measure_area(hull) == pytest.approx(known.volume)


def test_by_hand() -> None:
    mask = np.zeros((6, 9), bool)
    mask[1, 2] = mask[4, 7] = True
    hull = find_hull(mask)
    assert measure_length(hull) == pytest.approx(np.hypot(4, 6))
    # Two unit squares and the band between them: the box of 4 x 6 less two triangles of 3 x 5.
    assert measure_area(hull) == pytest.approx(24 - 15)
