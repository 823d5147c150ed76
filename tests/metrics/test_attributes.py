"""Task 2's numbers, by hand and against slow twins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.metrics.attributes import normalise, pool_dice, pool_jaccard, score_presences
from nevus.metrics.curves import area_under, average_precision, trace_curve
from nevus.metrics.masks import Counts


def test_shares_by_hand():
    shares = normalise([Counts(2, 1, 1, 4), Counts(0, 0, 0, 16)])
    assert shares.tolist() == [[0.25, 0.125, 0.125, 0.5], [0, 0, 0, 1]]


def test_pooled_scores_by_hand():
    # A small photograph with half of it found, a large one with a tenth missed: one share each.
    sums = normalise([Counts(5, 0, 5, 0), Counts(0, 0, 100, 900)]).sum(axis=0)
    assert pool_jaccard(sums) == pytest.approx(0.5 / (0.5 + 0.5 + 0.1))
    assert pool_dice(sums) == pytest.approx(1.0 / (1.0 + 0.6))


def test_nothing_to_find_and_nothing_found_is_perfect():
    sums = np.array([[0.0, 0, 0, 3], [0, 0.2, 0, 2.8], [0, 0, 0.2, 2.8]])
    assert pool_jaccard(sums).tolist() == [1, 0, 0]
    assert pool_dice(sums).tolist() == [1, 0, 0]


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3, st.integers(1, 30)), min_size=1, max_size=8))
def test_pooled_scores_equal_a_slow_twin(rows):
    tp = fp = fn = 0.0
    for a, b, c, d in rows:
        tp, fp, fn = tp + a / (a + b + c + d), fp + b / (a + b + c + d), fn + c / (a + b + c + d)
    sums = normalise([Counts(*row) for row in rows]).sum(axis=0)
    jaccard = tp / (tp + fp + fn) if tp + fp + fn else 1.0
    assert float(pool_jaccard(sums)) == pytest.approx(jaccard, abs=1e-12)
    assert float(pool_dice(sums)) == pytest.approx(2 * jaccard / (1 + jaccard), abs=1e-12)


def test_presences_by_hand():
    present = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0], [0, 1, 0]], bool)
    likely = np.repeat(np.array([[0.9], [0.8], [0.8], [0.4], [0.1]]), 3, axis=1)
    (auc, precision), always, never = score_presences(present, likely)
    # Six pairs: .9 wins twice; .8 ties once and wins once; .4 loses once and wins once.
    assert auc == pytest.approx(4.5 / 6)
    assert precision == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert math.isnan(always[0])
    assert always[1] == 1
    assert np.isnan(never).all()


def test_a_constant_presence_is_a_guess():
    present = np.array([[True], [False], [False], [False]])
    assert score_presences(present, np.ones((4, 1))).tolist() == [[0.5, 0.25]]


@st.composite
def presences(draw):
    n, a, sets = draw(st.integers(1, 12)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    likely = generator.integers(0, 5, (n, a)) / 4
    return generator.random((n, a)) < 0.4, likely, generator.integers(0, 3, (sets, n)).astype(float)


@given(presences())
@settings(max_examples=80, deadline=None)
def test_presences_equal_the_curves_for_every_set_of_weights(case):
    present, likely, weights = case
    found = score_presences(present, likely, weights)
    assert found.shape == (len(weights), present.shape[1], 2)
    for row, often in zip(found, weights, strict=True):
        for pair, flags, scores in zip(row, present.T, likely.T, strict=True):
            expected = [
                area_under(trace_curve(flags, scores, often)),
                average_precision(flags, scores, often),
            ]
            assert pair == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_presences_that_do_not_fit_are_a_mistake():
    present = np.ones((3, 2), bool)
    for likely, weights in (((3, 1), (3,)), ((3, 2), (2,)), ((2, 2), (3,))):
        with pytest.raises(ValueError, match="do not fit"):
            score_presences(present, np.ones(likely), np.ones(weights))
