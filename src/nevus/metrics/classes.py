"""The official numbers of task 3, from probabilities per class. numpy only.

Every function restates a convention of the ISIC 2018 challenge
(https://challenge.isic-archive.com/landing/2018/47/). Arrays are over N photographs and C
classes; a photograph of weight 0 counts nowhere. A ratio without anything to divide counts
as 1, as in task 1.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from nevus.metrics.curves import (
    Flags,
    Floats,
    area_above_sensitivity,
    area_under,
    average_precision,
    trace_curve,
)

Labels = npt.NDArray[np.int64]

UNDECIDED: Final = -1
"""The label of a row whose maximum stands in two columns: always wrong."""

UNWEIGHTED_IMAGES: Final = frozenset({"ISIC_0035068"})
"""Photographs that weigh 0 in the official scorer."""

BINARY_THRESHOLD: Final = 0.5
"""A class is called present where its probability is above this, each class for itself."""


def choose_labels(probabilities: Floats) -> Labels:
    """Return the column of each row's maximum, `UNDECIDED` where it is not the only one.

    Args:
        probabilities: (N, C), finite.

    Returns:
        (N,) in {-1, 0, ..., C - 1}.
    """
    highest = probabilities.max(axis=1, keepdims=True)
    tied = (probabilities == highest).sum(axis=1) > 1
    return np.where(tied, UNDECIDED, probabilities.argmax(axis=1)).astype(np.int64)


def count_confusion(truth: Labels, labels: Labels, classes: int, weights: Floats) -> Floats:
    """Sum the weights of each pair of true and predicted class.

    Args:
        truth: (N,) in [0, C).
        labels: (N,) in [-1, C), of `choose_labels`.
        classes: C.
        weights: (N,), >= 0.

    Returns:
        (C, C + 1): rows are true classes, columns predicted ones; the last one is undecided.

    Raises:
        ValueError: The arrays differ in length, or a class is out of range.
    """
    if not truth.shape == labels.shape == weights.shape:
        raise ValueError(f"lengths differ: {truth.shape}, {labels.shape}, {weights.shape}")
    if truth.size and not (truth.min() >= 0 and max(truth.max(), labels.max()) < classes):
        raise ValueError(f"a label is not in [0, {classes})")
    columns = np.where(labels == UNDECIDED, classes, labels)
    cells = np.bincount(
        truth * (classes + 1) + columns, weights=weights, minlength=classes * (classes + 1)
    )
    return cells.astype(np.float64).reshape(classes, classes + 1)


def recall(confusion: Floats) -> Floats:
    """Return for each class the share of its photographs that got its label.

    Args:
        confusion: (..., C, C + 1) of `count_confusion`.

    Returns:
        (..., C) in [0, 1]; NaN for a class without a photograph.
    """
    totals = confusion.sum(axis=-1)
    rights = np.diagonal(confusion, axis1=-2, axis2=-1)
    shares = np.full(totals.shape, np.nan)
    np.divide(rights, totals, out=shares, where=totals > 0)
    return shares


def balanced_accuracy(confusion: Floats) -> float:
    """Return the mean recall over the classes the truth holds: the score that ranks task 3.

    NaN where no photograph counts.
    """
    shares = recall(confusion)
    present = shares[~np.isnan(shares)]
    return float(present.mean()) if present.size else float("nan")


def accuracy(confusion: Floats) -> float:
    """Return the share of photographs with the right label; NaN where none counts."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total > 0 else float("nan")


def score_class(positive: Flags, scores: Floats, weights: Floats) -> Mapping[str, float]:
    """Return one class's official metrics, by name, in the order of the official table.

    Args:
        positive: (N,) whether the class is the true one.
        scores: (N,) its probability.
        weights: (N,), >= 0.
    """
    called = scores > BINARY_THRESHOLD
    tp, fp, fn, tn = (
        float(weights[chosen].sum())
        for chosen in (positive & called, ~positive & called, positive & ~called,
                       ~positive & ~called)
    )  # fmt: skip
    curve = trace_curve(positive, scores, weights)
    return {
        "accuracy": _divide(tp + tn, tp + tn + fp + fn),
        "sensitivity": _divide(tp, tp + fn),
        "specificity": _divide(tn, tn + fp),
        "dice": _divide(2 * tp, 2 * tp + fp + fn),
        "ppv": _divide(tp, tp + fp),
        "npv": _divide(tn, tn + fn),
        "auc": area_under(curve),
        "auc_sens_80": area_above_sensitivity(curve),
        "ap": average_precision(positive, scores, weights),
    }


CLASS_METRICS: Final = (
    "accuracy", "sensitivity", "specificity", "dice", "ppv", "npv", "auc", "auc_sens_80", "ap",
)  # fmt: skip
"""The keys of `score_class`."""


def _divide(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 1.0
