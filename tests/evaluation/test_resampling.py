"""The bootstrap over units against a plain one, and what it must never do."""

import math

import numpy as np
import pytest

from nevus.evaluation.resampling import find_interval, resample_sums


def test_totals_of_every_stratum_stay():
    sums = np.array([[1.0, 0.0, 3.0], [1.0, 0.0, 1.0], [0.0, 2.0, 1.0], [0.0, 2.0, 0.0]])
    drawn = resample_sums(sums, np.array([0, 0, 1, 1]), resamples=300)
    # A unit of the first stratum always holds one of the first kind, and two units are drawn.
    assert (drawn[:, 0] == 2).all()
    assert (drawn[:, 1] == 4).all()
    assert set(drawn[:, 2]) == set(range(2, 9))


def test_distribution_equals_drawing_one_by_one():
    generator = np.random.default_rng(3)
    sums = generator.integers(0, 3, size=(40, 2)).astype(float)
    strata = np.repeat([0, 1], [25, 15])
    slow = np.zeros((4000, 2))
    for row in range(4000):
        picks = np.concatenate([generator.integers(0, 25, 25), 25 + generator.integers(0, 15, 15)])
        slow[row] = sums[picks].sum(axis=0)
    fast = resample_sums(sums, strata, resamples=4000)
    assert fast.mean(axis=0) == pytest.approx(slow.mean(axis=0), abs=0.5)
    assert np.cov(fast.T) == pytest.approx(np.cov(slow.T), rel=0.15, abs=1.0)


def test_same_seed_same_draws():
    sums, strata = np.arange(12.0).reshape(6, 2), np.zeros(6, int)
    first = resample_sums(sums, strata, seed=4)
    assert np.array_equal(first, resample_sums(sums, strata, seed=4))
    assert not np.array_equal(first, resample_sums(sums, strata, seed=5))


def test_misfits_are_mistakes():
    with pytest.raises(ValueError, match="expected"):
        resample_sums(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(ValueError, match="expected"):
        resample_sums(np.zeros((3, 2)), np.zeros(2, int))


def test_interval_leaves_undefined_resamples_out():
    low, high = find_interval(np.concatenate([np.linspace(0, 1, 1001), [math.nan] * 9]))
    assert (low, high) == (pytest.approx(0.025), pytest.approx(0.975))
    assert all(math.isnan(bound) for bound in find_interval(np.array([math.nan])))
