"""Sensitivity against specificity of one class over all thresholds. numpy only.

Conventions are those of the ISIC 2018 challenge; a number that needs both sides of a class is
NaN where one side is missing. Arrays are over N photographs; weight 0 counts nowhere.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HIGH_SENSITIVITY: Final = 0.8
"""From here on the partial area ``auc_sens_80`` counts."""


@dataclass(frozen=True)
class Curve:
    """A receiver operating characteristic, from the strictest threshold to the laxest.

    Args:
        fpr: (K,) 1 - specificity, ascending from 0 to 1.
        tpr: (K,) sensitivity, ascending from 0 to 1.
        thresholds: (K,) descending; called present is what is at least this. The first is
            infinite: nothing is.
    """

    fpr: Floats
    tpr: Floats
    thresholds: Floats


def trace_curve(positive: Flags, scores: Floats, weights: Floats) -> Curve | None:
    """Return the curve with a point for each distinct score, or None if one side is missing.

    Args:
        positive: (N,) whether the class is the true one.
        scores: (N,) its probability.
        weights: (N,), >= 0.
    """
    tps, fps, thresholds = _accumulate(positive, scores, weights)
    if tps.size == 0 or tps[-1] <= 0 or fps[-1] <= 0:
        return None
    return Curve(
        fpr=np.concatenate(([0.0], fps / fps[-1])),
        tpr=np.concatenate(([0.0], tps / tps[-1])),
        thresholds=np.concatenate(([np.inf], thresholds)),
    )


def _accumulate(positive: Flags, scores: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Return true and false positives at each distinct score, and these, descending."""
    counted = weights > 0
    positive, scores, weights = positive[counted], scores[counted], weights[counted]
    order = np.argsort(-scores, kind="stable")
    positive, scores, weights = positive[order], scores[order], weights[order]
    # Photographs of equal score are called together: only the last of them is a point.
    last = np.flatnonzero(np.append(np.diff(scores) != 0, np.ones(min(scores.size, 1), bool)))
    tps = np.cumsum(np.where(positive, weights, 0.0))[last]
    fps = np.cumsum(np.where(positive, 0.0, weights))[last]
    return tps, fps, scores[last]


def area_under(curve: Curve | None) -> float:
    """Return the area under a curve in [0, 1]; NaN for None."""
    return _integrate(curve.tpr, curve.fpr) if curve else float("nan")


def area_above_sensitivity(curve: Curve | None, sensitivity: float = HIGH_SENSITIVITY) -> float:
    """Return the area under the part of a curve that reaches `sensitivity`, down to the axis.

    The part begins at exactly `sensitivity`, between two points if need be. Nothing is
    rescaled: a perfect classifier gets 1, a guessing one (1 - sensitivity ** 2) / 2.

    Args:
        curve: Of `trace_curve`; None gives NaN.
        sensitivity: In (0, 1].

    Raises:
        ValueError: `sensitivity` is out of range.
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity is {sensitivity}, expected a number in (0, 1]")
    if curve is None:
        return float("nan")
    first = int(np.searchsorted(curve.tpr, sensitivity, side="left"))
    around = slice(first - 1, first + 1)
    start = np.interp(sensitivity, curve.tpr[around], curve.fpr[around])
    tpr = np.concatenate(([sensitivity], curve.tpr[first:]))
    fpr = np.concatenate(([start], curve.fpr[first:]))
    return _integrate(tpr, fpr)


def _integrate(heights: Floats, places: Floats) -> float:
    # The trapezoidal rule under the same name in numpy 1 and 2 does not exist.
    return float(np.sum(np.diff(places) * (heights[1:] + heights[:-1])) / 2.0)


def average_precision(positive: Flags, scores: Floats, weights: Floats) -> float:
    """Return the precision at each distinct score, averaged over the recall gained there.

    Args:
        positive: (N,) whether the class is the true one.
        scores: (N,) its probability.
        weights: (N,), >= 0.

    Returns:
        In [0, 1]; NaN without a positive.
    """
    tps, fps, _ = _accumulate(positive, scores, weights)
    if tps.size == 0 or tps[-1] <= 0:
        return float("nan")
    gained = np.diff(tps / tps[-1], prepend=0.0)
    return float(np.sum(gained * (tps / (tps + fps))))


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on one class's probability and what it does.

    Args:
        threshold: The class is called present where its probability is at least this.
        sensitivity: Share of the class's photographs that are called, in [0, 1].
        specificity: Share of the others that are not, in [0, 1].
    """

    threshold: float
    sensitivity: float
    specificity: float


def find_operating_point(curve: Curve, sensitivity: float) -> OperatingPoint:
    """Return the strictest threshold whose sensitivity is at least the one wanted.

    Args:
        curve: Of `trace_curve`.
        sensitivity: In (0, 1].

    Raises:
        ValueError: `sensitivity` is out of range.
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity is {sensitivity}, expected a number in (0, 1]")
    index = int(np.searchsorted(curve.tpr, sensitivity, side="left"))
    return OperatingPoint(
        threshold=float(curve.thresholds[index]),
        sensitivity=float(curve.tpr[index]),
        specificity=float(1.0 - curve.fpr[index]),
    )
