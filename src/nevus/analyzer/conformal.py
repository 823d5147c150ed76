"""Sets of diagnoses that hold the right one at a chosen rate, whatever the network is worth.

Class-conditional (Mondrian) split conformal prediction: Vovk, Gammerman and Shafer 2005,
*Algorithmic Learning in a Random World*, section 4.5. Each diagnosis has its own calibration
photographs, so that rare ones are held as often as common ones.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nevus.errors import UsageError
from nevus.labels import DIAGNOSES

_ROUNDING: Final = 1e-9


def check_coverage(coverage: float) -> None:
    """Refuse a coverage that is not between 0 and 1.

    Raises:
        UsageError: It is not.
    """
    if not 0 < coverage < 1:
        raise UsageError(f"coverage is {coverage}, expected a number between 0 and 1, such as 0.9")


def conformal_set(
    probabilities: NDArray[np.floating], scores: Mapping[str, Sequence[float]], coverage: float
) -> tuple[str, ...]:
    """Return the diagnoses that cannot be ruled out, most likely first.

    The most likely one is always in: an empty set would be no answer, and a larger set never
    holds the right diagnosis less often.

    Args:
        probabilities: (7,) in the order of `nevus.labels.DIAGNOSES`.
        scores: Diagnosis to the sorted 1 - p(true class) of its calibration photographs; a
            diagnosis without any is never ruled out.
        coverage: Share of cases whose diagnosis the sets shall hold, in (0, 1).

    Raises:
        UsageError: The coverage is out of range.
    """
    check_coverage(coverage)
    order = np.argsort(-np.asarray(probabilities, np.float64), kind="stable")
    kept = [
        DIAGNOSES[place]
        for rank, place in enumerate(order)
        if rank == 0
        or _is_kept(1 - float(probabilities[place]), scores.get(DIAGNOSES[place], ()), coverage)
    ]
    return tuple(kept)


def find_level(scores: Sequence[float], coverage: float) -> float:
    """Return the largest score that stays in at a coverage; infinity where n is too small.

    The ceil((n + 1) coverage)-th smallest of n scores.
    """
    rank = math.ceil((len(scores) + 1) * coverage - _ROUNDING)
    return float(scores[rank - 1]) if rank <= len(scores) else math.inf


def _is_kept(score: float, scores: Sequence[float], coverage: float) -> bool:
    return score <= find_level(scores, coverage) + _ROUNDING
