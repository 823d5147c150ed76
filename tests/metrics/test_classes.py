"""Task 3 numbers by hand, against slow twins, and the conventions at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.metrics.classes import (
    CLASS_METRICS,
    UNDECIDED,
    accuracy,
    balanced_accuracy,
    choose_labels,
    count_confusion,
    recall,
    score_class,
)


def test_label_is_the_column_of_the_maximum_and_a_tie_is_none():
    rows = np.array([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2], [0.0, 0.0, 0.0], [0.1, 0.1, 0.8]])
    assert choose_labels(rows).tolist() == [1, UNDECIDED, UNDECIDED, 2]


def test_confusion_by_hand():
    truth, labels = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, -1, 2])
    weights = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    confusion = count_confusion(truth, labels, 3, weights)
    assert confusion.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]]
    assert recall(confusion)[:2].tolist() == [2 / 3, 1 / 2]
    assert math.isnan(recall(confusion)[2])
    # The class that only a weightless photograph shows is no class of the truth.
    assert balanced_accuracy(confusion) == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-15)
    assert accuracy(confusion) == 3 / 5


def test_nothing_that_counts_is_no_number():
    empty = np.zeros((3, 4))
    assert math.isnan(balanced_accuracy(empty))
    assert math.isnan(accuracy(empty))


def test_impossible_confusions_are_mistakes():
    ones = np.ones(2)
    with pytest.raises(ValueError, match="lengths differ"):
        count_confusion(np.array([0, 1]), np.array([0]), 2, ones)
    with pytest.raises(ValueError, match=r"not in \[0, 2\)"):
        count_confusion(np.array([0, 2]), np.array([0, 1]), 2, ones)


def test_one_class_by_hand():
    positive = np.array([True, True, True, False, False, False, False])
    scores = np.array([0.9, 0.6, 0.2, 0.7, 0.5, 0.1, 0.0])
    found = score_class(positive, scores, np.ones(7))
    # Above 0.5: two right, one wrong; exactly 0.5 is not above.
    assert found["sensitivity"] == 2 / 3
    assert found["specificity"] == 3 / 4
    assert found["ppv"] == 2 / 3
    assert found["npv"] == 3 / 4
    assert found["accuracy"] == 5 / 7
    assert found["dice"] == 4 / 6
    assert tuple(found) == CLASS_METRICS


def test_undefined_ratios_count_as_one_and_undefined_areas_as_nothing():
    absent = score_class(np.zeros(3, bool), np.array([0.1, 0.2, 0.3]), np.ones(3))
    assert [absent[name] for name in ("sensitivity", "dice", "ppv")] == [1.0, 1.0, 1.0]
    assert all(math.isnan(absent[name]) for name in ("auc", "auc_sens_80", "ap"))
    everywhere = score_class(np.ones(3, bool), np.array([0.7, 0.8, 0.9]), np.ones(3))
    assert [everywhere[name] for name in ("specificity", "npv", "ap")] == [1.0, 1.0, 1.0]
    assert math.isnan(everywhere["auc"])


@st.composite
def predictions(draw):
    n = draw(st.integers(1, 25))
    # Few distinct values, so that ties abound.
    cell = st.integers(0, 4).map(lambda step: step / 4)
    rows = draw(st.lists(st.lists(cell, min_size=3, max_size=3), min_size=n, max_size=n))
    truth = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    weights = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n))
    return np.array(rows), np.array(truth), np.array(weights)


def slow_balanced_accuracy(rows, truth, weights):
    shares = []
    for wanted in sorted(set(truth)):
        mine = [r for r, t, w in zip(rows, truth, weights, strict=True) if w and t == wanted]
        right = [r for r in mine if [c for c in range(3) if r[c] == max(r)] == [wanted]]
        if mine:
            shares.append(len(right) / len(mine))
    return sum(shares) / len(shares) if shares else math.nan


@given(predictions())
@settings(max_examples=60, deadline=None)
def test_balanced_accuracy_equals_a_slow_twin(case):
    rows, truth, weights = case
    confusion = count_confusion(truth, choose_labels(rows), 3, weights)
    assert balanced_accuracy(confusion) == pytest.approx(
        slow_balanced_accuracy(rows.tolist(), truth.tolist(), weights.tolist()),
        abs=1e-12,
        nan_ok=True,
    )


@given(predictions())
@settings(max_examples=50, deadline=None)
def test_weight_zero_is_the_same_as_absence(case):
    rows, truth, weights = case
    kept = weights > 0
    for place in range(3):
        whole = score_class(truth == place, rows[:, place], weights)
        part = score_class(truth[kept] == place, rows[kept, place], weights[kept])
        assert whole == pytest.approx(part, abs=1e-15, nan_ok=True)
