"""Calibration by hand: errors of known size, bins, likelihood, Brier."""

import math

import numpy as np
import pytest

from nevus.metrics.calibration import (
    bin_confidence,
    brier_score,
    classwise_error,
    measure_reliability,
    negative_log_likelihood,
    normalize,
)


def test_rows_become_distributions():
    rows = normalize(np.array([[1.0, 3.0], [0.0, 0.0], [0.2, 0.8]]))
    assert rows.tolist() == [[0.25, 0.75], [0.5, 0.5], [0.2, 0.8]]


def test_error_by_hand():
    # One bin: confidence .9, share right 3/4; another: .62, always right.
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.62])
    right = np.array([True, True, True, False, True])
    reliability = bin_confidence(confidence, right, np.ones(5))
    assert reliability.error == pytest.approx((4 * 0.15 + 0.38) / 5, abs=1e-15)
    assert reliability.weights.sum() == 5
    assert len(reliability.edges) == 16


def test_edges_belong_to_the_bin_below():
    found = bin_confidence(np.array([0.0, 0.5, 1.0]), np.ones(3, bool), np.ones(3), bins=2)
    assert found.weights.tolist() == [2, 1]


def test_weight_zero_counts_nowhere():
    confidence, right = np.array([0.9, 0.3]), np.array([True, False])
    assert bin_confidence(confidence, right, np.array([1.0, 0.0])).error == pytest.approx(0.1)
    assert math.isnan(bin_confidence(confidence, right, np.zeros(2)).error)


def test_adaptive_bins_hold_equally_many():
    generator = np.random.default_rng(0)
    confidence = generator.beta(8, 1, 1500)
    found = bin_confidence(confidence, generator.random(1500) < confidence, np.ones(1500),
                           adaptive=True)  # fmt: skip
    assert found.weights.tolist() == [100] * 15


def test_adaptive_bins_of_equal_confidences_are_one():
    found = bin_confidence(np.full(20, 0.7), np.ones(20, bool), np.ones(20), adaptive=True)
    assert found.weights.sum() == 20
    assert found.error == pytest.approx(0.3)


def test_calibrated_guesses_have_a_small_error_and_sure_ones_a_large():
    generator = np.random.default_rng(1)
    rows = generator.dirichlet(np.ones(7), 20_000)
    truth = (generator.random((20_000, 1)) > rows.cumsum(axis=1)).sum(axis=1)
    ones = np.ones(20_000)
    assert measure_reliability(rows, truth, ones).error < 0.02
    assert classwise_error(rows, truth, ones) < 0.01
    sharpened = normalize(rows**6)
    assert measure_reliability(sharpened, truth, ones).error > 0.2
    assert negative_log_likelihood(rows, truth, ones) < negative_log_likelihood(
        sharpened, truth, ones
    )


def test_a_tie_is_wrong():
    found = measure_reliability(np.array([[0.5, 0.5]]), np.array([0]), np.ones(1))
    assert found.error == 0.5


def test_likelihood_and_brier_by_hand():
    rows, truth, ones = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 1]), np.ones(2)
    assert brier_score(rows, truth, ones) == pytest.approx((0.5 + 2.0) / 2)
    expected = (math.log(2) + 12 * math.log(10)) / 2
    assert negative_log_likelihood(rows, truth, ones) == pytest.approx(expected)
    assert brier_score(rows, truth, np.array([1.0, 0.0])) == pytest.approx(0.5)
