"""Intervals: known cases, reproducible, independent of how the draws are sliced."""

import math

import numpy as np
import pytest

from nevus.evaluation import bootstrap
from nevus.evaluation.bootstrap import interval


def interval_slowly(values, resamples, seed):
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(resamples):
        picked = [values[i] for i in generator.integers(len(values), size=len(values))]
        means.append(math.fsum(picked) / len(picked))
    return np.quantile(means, [0.025, 0.975])


def test_equals_a_loop_over_resamples():
    values = np.random.default_rng(3).random(37)
    assert interval(values, resamples=200, seed=5) == pytest.approx(
        interval_slowly(values, 200, 5), abs=1e-12
    )


def test_agrees_with_the_normal_interval():
    values = np.random.default_rng(0).normal(0.8, 0.1, 2000)
    half = 1.96 * values.std() / math.sqrt(values.size)
    low, high = interval(values)
    assert low == pytest.approx(values.mean() - half, abs=half / 8)
    assert high == pytest.approx(values.mean() + half, abs=half / 8)


def test_coin_of_two_photographs():
    # Means 0, 1/2 and 1 with probability 1/4, 1/2, 1/4: the outer ones are the 95 % bounds.
    assert interval([0.0, 1.0]) == (0.0, 1.0)
    assert interval([0.0, 1.0], level=0.2) == (0.5, 0.5)


def test_slices_do_not_change_the_draws(monkeypatch):
    values = np.random.default_rng(1).random(50)
    whole = interval(values)
    monkeypatch.setattr(bootstrap, "_CHUNK_ELEMENTS", 130)
    assert interval(values) == whole
    monkeypatch.setattr(bootstrap, "_CHUNK_ELEMENTS", 1)
    assert interval(values) == whole


def test_seed_decides():
    values = np.random.default_rng(2).random(20)
    assert interval(values, seed=1) == interval(values, seed=1)
    assert interval(values, seed=1) != interval(values, seed=2)


def test_other_statistic():
    values = np.arange(101.0)
    low, high = interval(values, statistic=lambda rows: np.median(rows, axis=-1))
    assert 25 < low < 50 < high < 75


def test_equal_values_have_no_width():
    assert interval([0.25] * 8) == (0.25, 0.25)


def test_one_photograph_has_no_interval():
    assert all(math.isnan(bound) for bound in interval([0.7]))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, "expected \\(N,\\)"),
        ([[0.1, 0.2]], {}, "expected \\(N,\\)"),
        ([0.1, math.nan], {}, "not finite"),
        ([0.1, 0.2], {"level": 1.0}, "level"),
        ([0.1, 0.2], {"resamples": 0}, "resamples"),
    ],
)
def test_refuses(values, options, message):
    with pytest.raises(ValueError, match=message):
        interval(values, **options)
