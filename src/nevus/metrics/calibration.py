"""How far probabilities can be believed: calibration error, likelihood, Brier. numpy only.

Rows are taken as distributions: `normalize` divides each by its sum first, since the challenge
accepts rows that add up to anything.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from nevus.metrics.classes import Labels, choose_labels
from nevus.metrics.curves import Flags, Floats

BINS: Final = 15
"""How many bins confidences fall into, after Guo et al. 2017."""

SMALLEST: Final = 1e-12
"""What a probability of 0 counts as in the likelihood, which would be infinite else."""


def normalize(probabilities: Floats) -> Floats:
    """Return rows divided by their sums; a row of zeros says nothing and becomes uniform.

    Args:
        probabilities: (N, C), >= 0.
    """
    sums = probabilities.sum(axis=1, keepdims=True)
    shares = np.full(probabilities.shape, 1.0 / probabilities.shape[1])
    np.divide(probabilities, sums, out=shares, where=sums > 0)
    return shares


@dataclass(frozen=True)
class Reliability:
    """Confidence beside what became of it, bin by bin.

    Args:
        edges: (B + 1,) of the bins, ascending; a confidence on an edge is in the bin below.
        weights: (B,) how much of the data lies in each bin.
        confidence: (B,) mean confidence in the bin, NaN where it is empty.
        accuracy: (B,) share that was right, NaN where it is empty.
    """

    edges: Floats
    weights: Floats
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """The weighted mean distance of the two: the expected calibration error."""
        filled = self.weights > 0
        if not filled.any():
            return float("nan")
        gaps = np.abs(self.confidence[filled] - self.accuracy[filled])
        return float(np.average(gaps, weights=self.weights[filled]))


def bin_confidence(
    confidence: Floats,
    right: Flags,
    weights: Floats,
    *,
    bins: int = BINS,
    adaptive: bool = False,
) -> Reliability:
    """Sort confidences into bins of equal width, or of equal filling.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3; bins of
    equal filling: Nguyen and O'Connor, 2015.

    Args:
        confidence: (N,) in [0, 1].
        right: (N,) whether the label was the true one.
        weights: (N,), >= 0.
        bins: How many.
        adaptive: Bins that hold about equally many photographs; fewer where many
            confidences are the same.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    if adaptive and (weights > 0).any():
        inner = np.quantile(confidence[weights > 0], edges[1:-1], method="inverted_cdf")
        edges = np.unique(np.concatenate(([0.0], inner, [1.0])))
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, edges.size - 2)
    columns = (weights, weights * confidence, weights * right)
    sums = np.stack([np.bincount(index, column, minlength=edges.size - 1) for column in columns])
    sums = sums.astype(np.float64)
    means = np.full((2, edges.size - 1), np.nan)
    np.divide(sums[1:], sums[0], out=means, where=sums[0] > 0)
    return Reliability(edges, weights=sums[0], confidence=means[0], accuracy=means[1])


def measure_reliability(
    probabilities: Floats, truth: Labels, weights: Floats, *, adaptive: bool = False
) -> Reliability:
    """Return how often the likeliest class is right, by how likely it was said to be.

    A tie is wrong, as everywhere in task 3.

    Args:
        probabilities: (N, C), rows that sum to 1.
        truth: (N,) in [0, C).
        weights: (N,), >= 0.
        adaptive: As in `bin_confidence`.
    """
    right = choose_labels(probabilities) == truth
    return bin_confidence(probabilities.max(axis=1), right, weights, adaptive=adaptive)


def classwise_error(probabilities: Floats, truth: Labels, weights: Floats) -> float:
    """Return the calibration error of every class's own probability, averaged over classes.

    Source: Kull et al., Beyond temperature scaling, 2019.

    Args:
        probabilities: (N, C), rows that sum to 1.
        truth: (N,) in [0, C).
        weights: (N,), >= 0.
    """
    errors = [
        bin_confidence(probabilities[:, column], truth == column, weights).error
        for column in range(probabilities.shape[1])
    ]
    return float(np.mean(errors))


def negative_log_likelihood(probabilities: Floats, truth: Labels, weights: Floats) -> float:
    """Return the mean of -ln(probability of the true class), each at least `SMALLEST`.

    Args:
        probabilities: (N, C), rows that sum to 1.
        truth: (N,) in [0, C).
        weights: (N,), >= 0, not all 0.
    """
    given = probabilities[np.arange(truth.size), truth]
    return float(np.average(-np.log(np.maximum(given, SMALLEST)), weights=weights))


def brier_score(probabilities: Floats, truth: Labels, weights: Floats) -> float:
    """Return the mean squared distance of a row from the one-hot truth, in [0, 2].

    Source: Brier, Verification of forecasts expressed in terms of probability, 1950, the
    original form that sums over classes.

    Args:
        probabilities: (N, C), rows that sum to 1.
        truth: (N,) in [0, C).
        weights: (N,), >= 0, not all 0.
    """
    wanted = np.eye(probabilities.shape[1])[truth]
    return float(np.average(((probabilities - wanted) ** 2).sum(axis=1), weights=weights))
