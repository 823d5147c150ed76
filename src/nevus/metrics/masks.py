"""The official numbers of task 1, from four pixel counts. numpy only.

Every function restates the convention of the ISIC 2018 challenge
(https://challenge.isic-archive.com/landing/2018/45/), where a photograph without anything to
find is no reason to lose a point: an undefined ratio counts as 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

JACCARD_THRESHOLD: Final = 0.65
"""Below this Jaccard a segmentation counts as failed in the challenge's main score."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The confusion of one mask with its truth, in pixels.

    Args:
        tp: Lesion in both.
        fp: Lesion in the prediction only.
        fn: Lesion in the truth only.
        tn: Lesion in neither.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def total(self) -> int:
        """The number of pixels."""
        return self.tp + self.fp + self.fn + self.tn


def count(truth: npt.NDArray[np.bool_], prediction: npt.NDArray[np.bool_]) -> Counts:
    """Count the four kinds of pixel of two masks.

    Args:
        truth: (H, W) bool.
        prediction: (H, W) bool, the same size.

    Raises:
        ValueError: The arrays are not boolean, differ in shape, or hold no pixel.
    """
    _require_masks(truth, prediction)
    tp = int(np.count_nonzero(truth & prediction))
    truth_pixels = int(np.count_nonzero(truth))
    predicted_pixels = int(np.count_nonzero(prediction))
    return Counts(
        tp=tp,
        fp=predicted_pixels - tp,
        fn=truth_pixels - tp,
        tn=truth.size - truth_pixels - predicted_pixels + tp,
    )


def _require_masks(truth: npt.NDArray[Any], prediction: npt.NDArray[Any]) -> None:
    for name, mask in (("truth", truth), ("prediction", prediction)):
        if mask.dtype != np.bool_:
            raise ValueError(f"{name} is {mask.dtype}, expected bool")
    if truth.shape != prediction.shape:
        raise ValueError(f"truth is {truth.shape}, prediction {prediction.shape}: sizes differ")
    if truth.size == 0:
        raise ValueError("the masks hold no pixel")


def jaccard(counts: Counts) -> float:
    """Return TP / (TP + FP + FN) in [0, 1]; 1 if both masks are empty."""
    union = counts.tp + counts.fp + counts.fn
    return counts.tp / union if union else 1.0


def threshold_jaccard(counts: Counts, threshold: float = JACCARD_THRESHOLD) -> float:
    """Return the Jaccard where it reaches `threshold`, else 0: the score that ranks task 1."""
    value = jaccard(counts)
    return value if value >= threshold else 0.0


def dice(counts: Counts) -> float:
    """Return 2 TP / (2 TP + FP + FN) in [0, 1]; 1 if both masks are empty."""
    total = 2 * counts.tp + counts.fp + counts.fn
    return 2 * counts.tp / total if total else 1.0


def accuracy(counts: Counts) -> float:
    """Return the share of pixels that agree, in [0, 1].

    Raises:
        ZeroDivisionError: The counts are of no pixel; `count` never returns such.
    """
    return (counts.tp + counts.tn) / counts.total


def sensitivity(counts: Counts) -> float:
    """Return TP / (TP + FN) in [0, 1]; 1 if the truth is empty."""
    positives = counts.tp + counts.fn
    return counts.tp / positives if positives else 1.0


def specificity(counts: Counts) -> float:
    """Return TN / (TN + FP) in [0, 1]; 1 if the truth fills the photograph."""
    negatives = counts.tn + counts.fp
    return counts.tn / negatives if negatives else 1.0


SEGMENTATION_METRICS: Final[Mapping[str, Callable[[Counts], float]]] = MappingProxyType(
    {
        "threshold_jaccard": threshold_jaccard,
        "jaccard": jaccard,
        "dice": dice,
        "accuracy": accuracy,
        "sensitivity": sensitivity,
        "specificity": specificity,
    }
)
"""Task 1's metrics in the order of every table; the first one ranks."""
