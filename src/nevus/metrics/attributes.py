"""The official numbers of task 2, from pixel counts of each photograph and attribute. numpy only.

Counts are divided by the photograph's number of pixels, so that photographs of all sizes weigh the
same, summed over photographs, and only then made into a Jaccard or Dice: the pooled score, in which
a photograph without an attribute costs nothing but what is falsely found in it. (The challenge's
scorer does so in its library; its command line runs task 1's metric on task 2's folders instead.)
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nevus.metrics.curves import area_under, average_precision, trace_curve
from nevus.metrics.masks import Counts

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def normalise(counts: Sequence[Counts]) -> Floats:
    """Return (A, 4) shares of the photograph (tp, fp, fn, tn) for A attributes' counts."""
    rows = [[one.tp, one.fp, one.fn, one.tn] for one in counts]
    return np.array(rows, np.float64) / np.array([[one.total] for one in counts], np.float64)


def pool_jaccard(shares: Floats) -> Floats:
    """Return TP / (TP + FP + FN) over the last axis of (..., 4) sums; 1 if there is nothing."""
    tp, fp, fn = (shares[..., place] for place in range(3))
    union = tp + fp + fn
    return np.divide(tp, union, out=np.ones_like(union), where=union > 0)


def pool_dice(shares: Floats) -> Floats:
    """Return 2 TP / (2 TP + FP + FN) over the last axis of (..., 4) sums; 1 if there is nothing."""
    tp, fp, fn = (shares[..., place] for place in range(3))
    total = 2 * tp + fp + fn
    return np.divide(2 * tp, total, out=np.ones_like(total), where=total > 0)


def score_presences(present: Flags, likely: Floats, weights: Floats | None = None) -> Floats:
    """Return the area under the curve and the average precision of each attribute's presence.

    Args:
        present: (N, A) whether any pixel of the truth shows the attribute.
        likely: (N, A) its probability of being there at all; only the order counts.
        weights: (N,) >= 0, how often each photograph counts; None: once.

    Returns:
        (A, 2), in [0, 1]; NaN where no photograph, or for the area every one, shows it.

    Raises:
        ValueError: The arrays differ in shape.
    """
    often = np.ones(len(present)) if weights is None else weights
    if present.shape != likely.shape or often.shape != present.shape[:1]:
        raise ValueError(f"{present.shape}, {likely.shape} and {often.shape}: shapes differ")
    rows = [
        (area_under(trace_curve(flags, scores, often)), average_precision(flags, scores, often))
        for flags, scores in zip(present.T, likely.T, strict=True)
    ]
    return np.array(rows, np.float64).reshape(len(rows), 2)
