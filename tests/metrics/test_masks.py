"""The official numbers, by hand and against a loop over pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nevus.metrics.masks import (
    SEGMENTATION_METRICS,
    Counts,
    accuracy,
    count,
    dice,
    jaccard,
    sensitivity,
    specificity,
    threshold_jaccard,
)

# 6 true positives, 2 false positives, 4 false negatives, 8 true negatives: fractions by hand.
BY_HAND = Counts(tp=6, fp=2, fn=4, tn=8)
NOTHING = Counts(tp=0, fp=0, fn=0, tn=9)
ALL = Counts(tp=9, fp=0, fn=0, tn=0)
MISSED = Counts(tp=0, fp=0, fn=4, tn=5)
INVENTED = Counts(tp=0, fp=4, fn=0, tn=5)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (jaccard, 6 / 12),
        (threshold_jaccard, 0.0),
        (dice, 12 / 18),
        (accuracy, 14 / 20),
        (sensitivity, 6 / 10),
        (specificity, 8 / 10),
    ],
)
def test_values_by_hand(metric, expected):
    assert metric(BY_HAND) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # threshold_jaccard, jaccard, dice, accuracy, sensitivity, specificity
        (NOTHING, (1, 1, 1, 1, 1, 1)),
        (ALL, (1, 1, 1, 1, 1, 1)),
        (MISSED, (0, 0, 0, 5 / 9, 0, 1)),
        (INVENTED, (0, 0, 0, 5 / 9, 1, 5 / 9)),
    ],
)
def test_undefined_ratios_count_as_one(counts, expected):
    assert tuple(metric(counts) for metric in SEGMENTATION_METRICS.values()) == expected


def test_threshold_includes_its_own_value():
    assert threshold_jaccard(Counts(tp=65, fp=20, fn=15, tn=0)) == 0.65
    assert threshold_jaccard(Counts(tp=64, fp=20, fn=16, tn=0)) == 0.0
    assert threshold_jaccard(BY_HAND, threshold=0.5) == 0.5


def test_metrics_are_named_in_the_order_of_the_tables():
    assert list(SEGMENTATION_METRICS) == [
        "threshold_jaccard",
        "jaccard",
        "dice",
        "accuracy",
        "sensitivity",
        "specificity",
    ]


def test_count_by_hand():
    truth = np.array([[1, 1, 0], [0, 1, 0]], dtype=bool)
    prediction = np.array([[1, 0, 0], [1, 1, 1]], dtype=bool)
    assert count(truth, prediction) == Counts(tp=2, fp=2, fn=1, tn=1)


def count_slowly(truth, prediction):
    tally = {(True, True): 0, (False, True): 0, (True, False): 0, (False, False): 0}
    for pair in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        tally[pair] += 1
    return Counts(*tally.values())


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 12), st.integers(1, 12))
def test_count_equals_a_loop_over_pixels(data, height, width):
    truth, prediction = (data.draw(arrays(bool, (height, width))) for _ in range(2))
    counts = count(truth, prediction)
    assert counts == count_slowly(truth, prediction)
    assert counts.total == height * width
    for metric in SEGMENTATION_METRICS.values():
        assert 0.0 <= metric(counts) <= 1.0
    assert dice(counts) == pytest.approx(2 * jaccard(counts) / (1 + jaccard(counts)))


def test_count_takes_views_and_returns_plain_integers():
    mask = np.zeros((10, 12), dtype=bool)
    mask[2:7, 3:9] = True
    counts = count(mask[::2, ::3], mask[::2, ::3])
    assert (counts.tp, counts.fp, counts.fn) == (int(mask[::2, ::3].sum()), 0, 0)
    assert {type(value) for value in (counts.tp, counts.fp, counts.fn, counts.tn)} == {int}


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (np.zeros((2, 3), bool), np.zeros((3, 2), bool), "sizes differ"),
        (np.zeros((2, 3), bool), np.zeros((2, 3), np.uint8), "prediction is uint8"),
        (np.zeros((2, 3), float), np.zeros((2, 3), bool), "truth is float64"),
        (np.zeros((0, 3), bool), np.zeros((0, 3), bool), "no pixel"),
    ],
)
def test_count_refuses(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        count(truth, prediction)
