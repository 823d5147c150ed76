"""Areas, average precision and operating points, by hand and against slow twins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.metrics.curves import (
    area_above_sensitivity,
    area_under,
    average_precision,
    find_operating_point,
    trace_curve,
)

POSITIVE = np.array([True, False, True, True, False])
SCORES = np.array([0.9, 0.8, 0.8, 0.4, 0.1])
ONES = np.ones(5)


def test_curve_by_hand():
    curve = trace_curve(POSITIVE, SCORES, ONES)
    assert curve.thresholds.tolist() == [math.inf, 0.9, 0.8, 0.4, 0.1]
    assert curve.tpr.tolist() == [0, 1 / 3, 2 / 3, 1, 1]
    assert curve.fpr.tolist() == [0, 0, 1 / 2, 1 / 2, 1]
    # Six pairs: .9 wins twice; .8 ties once and wins once; .4 loses once and wins once.
    assert area_under(curve) == pytest.approx(4.5 / 6, abs=1e-15)


def test_average_precision_by_hand():
    # 1/3 gained at precision 1, 1/3 at 2/3, 1/3 at 3/4.
    assert average_precision(POSITIVE, SCORES, ONES) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_area_above_a_sensitivity_by_hand():
    curve = trace_curve(POSITIVE, SCORES, ONES)
    # From (0.5, 0.8) straight up to (0.5, 1), then flat to (1, 1).
    assert area_above_sensitivity(curve, 0.8) == pytest.approx(0.5, abs=1e-15)
    # Halfway between (0, 1/3) and (0.5, 2/3) lies (0.25, 0.5).
    assert area_above_sensitivity(curve, 0.5) == pytest.approx(0.25 * (0.5 + 2 / 3) / 2 + 0.5)


def test_perfect_and_guessing():
    perfect = trace_curve(np.array([True, False]), np.array([1.0, 0.0]), np.ones(2))
    assert (area_under(perfect), area_above_sensitivity(perfect)) == (1.0, 1.0)
    guessing = trace_curve(np.array([True, False]), np.array([0.5, 0.5]), np.ones(2))
    assert area_under(guessing) == 0.5
    assert area_above_sensitivity(guessing) == pytest.approx((1 - 0.8**2) / 2, abs=1e-15)


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_one_side_alone_has_no_curve(positive):
    curve = trace_curve(np.array(positive), np.array([0.1, 0.9]), np.ones(2))
    assert curve is None
    assert math.isnan(area_under(curve))
    assert math.isnan(area_above_sensitivity(curve))


def test_no_photograph_has_no_curve():
    nothing = np.zeros(0)
    assert trace_curve(nothing.astype(bool), nothing, nothing) is None
    assert math.isnan(average_precision(nothing.astype(bool), nothing, nothing))


def test_operating_point_is_the_strictest_that_suffices():
    curve = trace_curve(POSITIVE, SCORES, ONES)
    point = find_operating_point(curve, 0.6)
    assert (point.threshold, point.sensitivity, point.specificity) == (0.8, 2 / 3, 0.5)
    assert find_operating_point(curve, 2 / 3).threshold == 0.8
    assert find_operating_point(curve, 1.0).threshold == 0.4


@pytest.mark.parametrize("wanted", [0.0, -0.1, 1.01, math.nan])
def test_impossible_sensitivities_are_mistakes(wanted):
    curve = trace_curve(POSITIVE, SCORES, ONES)
    with pytest.raises(ValueError, match="expected a number"):
        find_operating_point(curve, wanted)
    with pytest.raises(ValueError, match="expected a number"):
        area_above_sensitivity(curve, wanted)


@st.composite
def classes(draw):
    n = draw(st.integers(2, 20))
    flags = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    scores = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    weights = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=n, max_size=n))
    return np.array(flags), np.array(scores) / 6, np.array(weights)


@given(classes())
@settings(max_examples=60, deadline=None)
def test_area_is_the_chance_of_a_right_pair(case):
    positive, scores, weights = case
    won = total = 0.0
    for i in np.flatnonzero(positive):
        for j in np.flatnonzero(~positive):
            weight = weights[i] * weights[j]
            won += weight * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
            total += weight
    expected = won / total if total else math.nan
    found = area_under(trace_curve(positive, scores, weights))
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(classes(), st.sampled_from([0.5, 0.8, 0.9, 1.0]))
@settings(max_examples=60, deadline=None)
def test_operating_point_keeps_its_word(case, wanted):
    positive, scores, weights = case
    curve = trace_curve(positive, scores, weights)
    if curve is None:
        return
    point = find_operating_point(curve, wanted)
    called = scores >= point.threshold
    share = weights[positive & called].sum() / weights[positive].sum()
    spared = weights[~positive & ~called].sum() / weights[~positive].sum()
    assert share == pytest.approx(point.sensitivity, abs=1e-12)
    assert spared == pytest.approx(point.specificity, abs=1e-12)
    assert share >= wanted - 1e-12
    stricter = scores > point.threshold
    assert weights[positive & stricter].sum() / weights[positive].sum() < wanted


@given(classes())
@settings(max_examples=60, deadline=None)
def test_average_precision_equals_a_slow_twin(case):
    positive, scores, weights = case
    total = weights[positive].sum()
    found = average_precision(positive, scores, weights)
    if not total:
        assert math.isnan(found)
        return
    expected = before = 0.0
    for threshold in sorted(set(scores[weights > 0]), reverse=True):
        called = scores >= threshold
        hits = weights[called & positive].sum()
        expected += (hits - before) / total * hits / weights[called].sum()
        before = hits
    assert found == pytest.approx(expected, abs=1e-12)
