"""The lattice against the definition it approximates and against its first, slow form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.errors import UsageError
from nevus.inference import permutohedral
from nevus.inference.permutohedral import build_lattice


def filter_slowly(features: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Adams et al. 2010 as printed: remainder-0 points, ranks, canonical simplex, hashed keys.

    features: (d, N) in standard deviations.
    """
    dimensions, points = features.shape
    corners = dimensions + 1
    places: dict[tuple[int, ...], int] = {}
    entries: list[tuple[int, int, float]] = []
    for point in range(points):
        elevated = elevate(features[:, point])
        rounded = np.round(elevated / corners).astype(int)
        excess = int(rounded.sum())
        base = rounded * corners
        offset = elevated - base
        rank = np.array(
            [
                sum(
                    offset[j] > offset[i] or (offset[j] == offset[i] and j < i)
                    for j in range(corners)
                )
                for i in range(corners)
            ]
        )
        rank += excess
        base += corners * ((rank < 0).astype(int) - (rank > dimensions))
        rank += corners * ((rank < 0).astype(int) - (rank > dimensions))
        weight = np.zeros(corners + 1)
        for i in range(corners):
            weight[dimensions - rank[i]] += (elevated[i] - base[i]) / corners
            weight[dimensions + 1 - rank[i]] -= (elevated[i] - base[i]) / corners
        weight[0] += 1 + weight[corners]
        for k in range(corners):
            key = tuple(np.where(rank <= dimensions - k, base + k, base + k - corners).tolist())
            entries.append((point, places.setdefault(key, len(places)), weight[k]))
    field = np.zeros(len(places))
    for point, place, weight in entries:
        field[place] += weight * values[point]
    for axis in range(corners):
        blurred = field.copy()
        for key, place in places.items():
            for sign in (-1, 1):
                step = np.full(corners, -sign)
                step[axis] = sign * dimensions
                near = places.get(tuple((np.array(key) + step).tolist()))
                blurred[place] += 0.5 * field[near] if near is not None else 0
        field = blurred
    sliced = np.zeros(points)
    for point, place, weight in entries:
        sliced[point] += weight * field[place]
    return sliced


def elevate(feature: np.ndarray) -> np.ndarray:
    dimensions = feature.size
    scaled = [
        feature[i] * np.sqrt(2 / 3) * (dimensions + 1) / np.sqrt((i + 1) * (i + 2))
        for i in range(dimensions)
    ]
    return np.array(
        [sum(scaled[j:]) - j * (scaled[j - 1] if j else 0) for j in range(dimensions + 1)]
    )


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 7])
def test_equals_the_slow_form(dimensions: int) -> None:
    generator = np.random.default_rng(dimensions)
    # Off the lattice's own planes, where both forms may take either of two simplices.
    features = generator.normal(size=(dimensions, 60)).astype(np.float32)
    values = generator.random(60, dtype=np.float32)
    fast = build_lattice(list(features), [1.0] * dimensions).filter(values)
    slow = filter_slowly(features.astype(np.float64), values)
    np.testing.assert_allclose(fast, slow, rtol=2e-4, atol=1e-4)


def test_is_a_gaussian_of_the_wanted_width() -> None:
    # Light in one point: the mean square distance of where it goes is sigma^2, on average over
    # places on the lattice (alone, a place may be 15 % off).
    y, x = np.mgrid[-20:21, -20:21].astype(np.float32)
    light = ((x == 0) & (y == 0)).ravel().astype(np.float32)
    widths = []
    for right, down in np.random.default_rng(0).uniform(0, 400, (8, 2)).astype(np.float32):
        spread = build_lattice([x + right, y + down], [4.0, 4.0]).filter(light)
        share = spread / spread.sum()
        widths.append([(share * axis.ravel() ** 2).sum() for axis in (x, y)])
    np.testing.assert_allclose(np.mean(widths, axis=0), 16, rtol=0.05)


def test_kernel_is_close_to_brute_force() -> None:
    # A dense cloud, so that the vertices a Gaussian passes through exist.
    generator = np.random.default_rng(3)
    points = generator.uniform(0, 4, size=(2, 1500)).astype(np.float32)
    values = generator.random(1500, dtype=np.float32)
    squares = ((points[:, :, None] - points[:, None]) ** 2).sum(axis=0)
    kernel = np.exp(-squares / 2)
    exact = (kernel @ values) / kernel.sum(axis=1)
    lattice = build_lattice(list(points), [1.0, 1.0])
    found = lattice.filter(values) / lattice.filter(np.ones_like(values))
    assert np.abs(found - exact).max() < 0.02


def test_is_symmetric_up_to_the_order_of_blurs_and_linear() -> None:
    generator = np.random.default_rng(5)
    planes = list(generator.uniform(0, 3, size=(3, 200)).astype(np.float32))
    lattice = build_lattice(planes, [1.0, 1.0, 1.0])
    first, second = generator.random((2, 200), dtype=np.float32)
    together = lattice.filter(first + 2 * second)
    np.testing.assert_allclose(
        together, lattice.filter(first) + 2 * lattice.filter(second), rtol=1e-4
    )
    np.testing.assert_allclose(lattice.filter(first, 3.0), 3 * lattice.filter(first), rtol=1e-5)


def test_normalized_divides_by_the_roots_of_the_row_sums() -> None:
    generator = np.random.default_rng(6)
    planes = list(generator.uniform(0, 3, size=(2, 300)).astype(np.float32))
    values = generator.random(300, dtype=np.float32)
    plain = build_lattice(planes, [1.0, 1.0])
    root = np.sqrt(plain.filter(np.ones(300, dtype=np.float32)))
    expected = plain.filter(values / root) / root
    found = build_lattice(planes, [1.0, 1.0], normalized=True).filter(values)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 40),
    st.floats(0.001, 100),
    st.integers(0, 2**32 - 1),
)
def test_weights_are_a_share_of_each_corner(
    dimensions: int, points: int, spread: float, seed: int
) -> None:
    features = np.random.default_rng(seed).normal(size=(dimensions, points)) * spread
    lattice = build_lattice(list(features.astype(np.float32)), [1.0] * dimensions)
    weights = lattice.weights.toarray()
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (lattice.weights.sum(axis=0) >= 0).all()
    # A neighbour above is the same step as below, seen from the other side.
    for below, above in zip(lattice.below, lattice.above, strict=True):
        inside = np.flatnonzero(above < lattice.vertices)
        np.testing.assert_array_equal(below[above[inside]], inside)


def test_sorting_instead_of_a_table_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(7)
    planes = list(generator.normal(size=(5, 400)).astype(np.float32) * 4)
    values = generator.random(400, dtype=np.float32)
    table = build_lattice(planes, [1.0] * 5).filter(values)
    monkeypatch.setattr(permutohedral, "_MAX_TABLE", 0)
    np.testing.assert_array_equal(build_lattice(planes, [1.0] * 5).filter(values), table)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = np.mgrid[:30, :17].astype(np.float32)
    values = np.random.default_rng(8).random(510, dtype=np.float32)
    whole = build_lattice([x, y], [3.0, 3.0]).filter(values)
    monkeypatch.setattr(permutohedral, "_CHUNK", 40)
    np.testing.assert_allclose(build_lattice([x, y], [3.0, 3.0]).filter(values), whole, rtol=1e-6)


def test_largest_photograph_can_be_addressed() -> None:
    # 50 megapixels in one row and one column, sigma 3.
    x = np.linspace(0, 8660, 500, dtype=np.float32)
    lattice = build_lattice([x, x[::-1] * 0.6], [3.0, 3.0])
    assert np.isfinite(lattice.filter(np.ones(500, dtype=np.float32))).all()


@pytest.mark.parametrize(
    ("planes", "sigmas", "words"),
    [
        ([], [], "0 features"),
        ([np.zeros(3)], [1.0, 1.0], "1 features and 2 standard deviations"),
        ([np.zeros(3), np.zeros(4)], [1.0, 1.0], "one shape"),
        ([np.zeros(0)], [1.0], "not empty"),
        ([np.zeros(3)], [0.0], "above 0"),
        ([np.zeros(3)], [float("nan")], "above 0"),
        ([np.array([0.0, np.nan])], [1.0], "not finite"),
        ([np.array([0.0, np.inf])], [1.0], "not finite"),
        ([np.array([0.0, 1e9])], [1.0], "too many standard deviations"),
    ],
)
def test_wrong_features_are_refused(planes: list, sigmas: list, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build_lattice(planes, sigmas)
