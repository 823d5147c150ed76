"""Percentile bootstrap intervals of a statistic over photographs."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Statistic = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""A function (R, N) -> (R,): one number for each of R resamples."""

_CHUNK_ELEMENTS = 1 << 20


def mean(resamples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean of every row: (R, N) -> (R,)."""
    return np.asarray(resamples.mean(axis=-1), dtype=np.float64)


def interval(
    values: npt.ArrayLike,
    *,
    statistic: Statistic = mean,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of `statistic` over photographs drawn with replacement.

    The same values, seed and number of resamples give the same interval on every machine;
    sets of equal size share their draws, so that two models can be compared.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.

    Args:
        values: (N,), one finite number per photograph.
        statistic: (R, N) -> (R,).
        level: Coverage, between 0 and 1.
        resamples: How many sets of N photographs are drawn.
        seed: Of the draws.

    Returns:
        low and high; (nan, nan) where N is 1, which says nothing about spread.

    Raises:
        ValueError: No value, a value that is not finite, or an impossible option.
    """
    sample = np.asarray(values, dtype=np.float64)
    _require_sample(sample, level, resamples)
    if sample.size == 1:
        return math.nan, math.nan
    statistics = _resample(sample, statistic, resamples, np.random.default_rng(seed))
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(statistics, [tail, 1.0 - tail])
    return float(low), float(high)


def _require_sample(sample: npt.NDArray[np.float64], level: float, resamples: int) -> None:
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"values has shape {sample.shape}, expected (N,) with N > 0")
    if not np.isfinite(sample).all():
        raise ValueError("values holds a number that is not finite")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}, expected a number between 0 and 1")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}, expected at least 1")


def _resample(
    sample: npt.NDArray[np.float64],
    statistic: Statistic,
    resamples: int,
    generator: np.random.Generator,
) -> npt.NDArray[np.float64]:
    # Drawn in slices: 2,000 draws of 10,000 photographs at once would take 320 MB.
    rows = max(1, _CHUNK_ELEMENTS // sample.size)
    statistics = np.empty(resamples, dtype=np.float64)
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        drawn = generator.integers(sample.size, size=(stop - start, sample.size))
        statistics[start:stop] = statistic(sample[drawn])
    return statistics
