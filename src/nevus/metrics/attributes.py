"""The official numbers of task 2, from pixel counts of each photograph and attribute. numpy only.

Counts are divided by the photograph's number of pixels, so that photographs of all sizes weigh the
same, summed over photographs, and only then made into a Jaccard or Dice: the pooled score, in which
a photograph without an attribute costs nothing but what is falsely found in it. (The challenge's
scorer does so in its library; its command line runs task 1's metric on task 2's folders instead.)
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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

    The numbers are those of `nevus.metrics.curves`, for many sets of weights at once, as a
    bootstrap has them.

    Args:
        present: (N, A) whether any pixel of the truth shows the attribute.
        likely: (N, A) its probability of being there at all; only the order counts.
        weights: (..., N) >= 0, how often each photograph counts; None: once.

    Returns:
        (..., A, 2), in [0, 1]; NaN where no photograph, or for the area every one, shows it.

    Raises:
        ValueError: The arrays do not fit.
    """
    often = np.ones(len(present)) if weights is None else weights
    if present.shape != likely.shape or often.shape[-1:] != present.shape[:1]:
        raise ValueError(f"{present.shape}, {likely.shape} and {often.shape}: shapes do not fit")
    pairs = zip(present.T, likely.T, strict=True)
    return np.stack([_score_presence(flags, scores, often) for flags, scores in pairs], axis=-2)


def _score_presence(flags: Flags, scores: Floats, weights: Floats) -> Floats:
    order = np.argsort(-scores, kind="stable")
    weights, flags = weights[..., order], flags[order]
    # Photographs of equal score are called together.
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(weights * flags, axis=-1)[..., last]
    wrong = np.cumsum(weights * ~flags, axis=-1)[..., last]
    gained = np.diff(hits, axis=-1, prepend=0.0)
    spoilt = np.diff(wrong, axis=-1, prepend=0.0)
    area = (spoilt * (hits - gained / 2)).sum(axis=-1)
    called = hits + wrong
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    positive, negative = hits[..., -1], wrong[..., -1]
    sums = np.stack([area, (gained * precision).sum(axis=-1)], axis=-1)
    total = np.stack([positive * negative, positive], axis=-1)
    return np.asarray(np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0))
