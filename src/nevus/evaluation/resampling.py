"""Bootstrap over units that hold several photographs, stratified so that no class vanishes."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

RESAMPLES: Final = 2000
LEVEL: Final = 0.95

Floats = npt.NDArray[np.float64]


def resample_sums(
    sums: Floats,
    strata: npt.NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Floats:
    """Draw units with replacement inside each stratum and add up what they hold.

    A score that is a function of sums (a share, a mean of shares) follows from each row of the
    answer. Units that hold the same are drawn together, as one multinomial number: the same
    distribution as drawing them one by one, some hundred times faster.
    Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.2.

    Args:
        sums: (U, K) what each unit holds, e.g. a lesion's photographs and right answers.
        strata: (U,) within which stratum each is drawn.
        resamples: R.
        seed: Of the draws.

    Returns:
        (R, K).

    Raises:
        ValueError: The arrays differ in length, or there is no unit.
    """
    if sums.ndim != 2 or sums.shape[0] == 0 or strata.shape != sums.shape[:1]:
        raise ValueError(f"sums is {sums.shape}, strata {strata.shape}, expected (U, K) and (U,)")
    generator = np.random.default_rng(seed)
    total = np.zeros((resamples, sums.shape[1]))
    for stratum in np.unique(strata):
        kinds, counts = np.unique(sums[strata == stratum], axis=0, return_counts=True)
        units = int(counts.sum())
        total += generator.multinomial(units, counts / units, size=resamples) @ kinds
    return total


def find_interval(statistics: Floats, *, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of resampled statistics.

    Args:
        statistics: (R,); NaN where a resample defines none, which are left out.
        level: Coverage, between 0 and 1.

    Returns:
        low and high; (nan, nan) where no resample defines one.
    """
    defined = statistics[~np.isnan(statistics)]
    if defined.size == 0:
        return math.nan, math.nan
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)
