"""Temperature scaling (Guo et al. 2017, arXiv:1706.04599), numpy and scipy only."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
BOUNDS = (-5.0, 5.0)
"""Of the natural logarithm of the temperature."""


def softmax(scores: Scores, temperature: float = 1.0) -> Scores:
    """Return probabilities of (N, K) scores, each row summing to 1."""
    scaled = scores / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: Scores = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def fit_probabilities(
    at: Callable[[float], Scores], labels: NDArray[np.int64], weights: Scores | None = None
) -> float:
    """Return the temperature T > 0 of least negative log-likelihood of any probabilities.

    Args:
        at: T -> (N, K) probabilities.
        labels: (N,).
        weights: (N,) or None for equal ones.
    """
    # Whoever only predicts should not wait for it to load.
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log: float) -> float:
        picked = at(float(np.exp(log)))[rows, labels]
        values = -np.log(np.maximum(picked, np.finfo(np.float64).tiny))
        return float(np.average(values, weights=weights))

    found = minimize_scalar(loss, bounds=BOUNDS, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))
