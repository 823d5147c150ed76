"""The fully connected CRF that draws a probability map to the colours of its photograph.

Kraehenbuehl and Koltun, Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials, NeurIPS 2011 (https://arxiv.org/abs/1210.5644): every pixel is tied to every other
one by two Gaussian kernels, and the marginals are found by mean-field iterations whose sums over
all pixels are filters.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nevus.errors import UsageError
from nevus.inference.permutohedral import build_lattice

FloatArray = npt.NDArray[np.float32]
Filter = Callable[[FloatArray], FloatArray]
"""A function (H, W) -> (H, W), linear."""

_SMALLEST_PROBABILITY: Final = 1e-5
"""A probability of 0 would be an infinite energy; the customary clip."""


def dense_crf(
    probability: FloatArray,
    pixels: npt.NDArray[np.uint8],
    *,
    iterations: int = 5,
    spatial_sigma: float = 3.0,
    spatial_weight: float = 3.0,
    bilateral_sigma: float = 80.0,
    color_sigma: float = 13.0,
    bilateral_weight: float = 10.0,
) -> FloatArray:
    """Return the foreground marginal of a fully connected CRF of two labels, (H, W) in [0, 1].

    Potts compatibility and symmetrically normalised kernels, equation 3 of the paper:
    spatial_weight exp(-|p|^2 / 2 spatial_sigma^2) +
    bilateral_weight exp(-|p|^2 / 2 bilateral_sigma^2 - |c|^2 / 2 color_sigma^2) for two pixels
    at distance p with colours that differ by c. The bilateral kernel is the permutohedral
    lattice's approximation of a Gaussian.

    Args:
        probability: (H, W) float32, clipped to [0, 1]: the network's opinion.
        pixels: (H, W, 3) uint8 RGB, the photograph.
        iterations: Mean-field iterations, 0 or more.
        spatial_sigma: Standard deviation of the spatial kernel, pixels of the photograph.
        spatial_weight: Weight of the spatial kernel, 0 or more.
        bilateral_sigma: Standard deviation of the bilateral kernel in space, pixels.
        color_sigma: Its standard deviation in colour, grey levels.
        bilateral_weight: Weight of the bilateral kernel, 0 or more.

    Raises:
        UsageError: Shapes, types or options do not fit.
    """
    _require_arrays(probability, pixels)
    _require_options(
        iterations,
        (spatial_sigma, bilateral_sigma, color_sigma),
        (spatial_weight, bilateral_weight),
    )
    kernels: list[tuple[float, Filter]] = []
    places = _make_places(probability.shape)
    if spatial_weight:
        smooth = _make_kernel(places, (spatial_sigma, spatial_sigma))
        kernels.append((spatial_weight, smooth))
    if bilateral_weight:
        sigmas = (bilateral_sigma, bilateral_sigma, color_sigma, color_sigma, color_sigma)
        smooth = _make_kernel([*places, *np.moveaxis(pixels, -1, 0)], sigmas)
        kernels.append((bilateral_weight, smooth))
    unary = _halve_log_odds(probability)
    return _find_marginal(_iterate(unary, kernels, iterations))


def _iterate(unary: FloatArray, kernels: list[tuple[float, Filter]], iterations: int) -> FloatArray:
    """Return half the log-odds of the foreground after mean-field iterations.

    With two labels the difference of their marginals, tanh(log-odds / 2), says all: a Potts
    kernel of weight w adds w times the filtered difference to the log-odds.
    """
    found = unary
    for _ in range(iterations):
        difference = np.tanh(found)
        found = unary.copy()
        for weight, smooth in kernels:
            message = smooth(difference)
            message *= np.float32(weight / 2)
            found += message
    return found


def _halve_log_odds(probability: FloatArray) -> FloatArray:
    clipped = np.clip(probability, 0, 1, dtype=np.float32)
    low = np.float32(_SMALLEST_PROBABILITY)
    odds = np.maximum(clipped, low)
    np.subtract(1, clipped, out=clipped)
    odds /= np.maximum(clipped, low, out=clipped)
    np.log(odds, out=odds)
    odds *= np.float32(0.5)
    return odds


def _find_marginal(half_log_odds: FloatArray) -> FloatArray:
    marginal = np.tanh(half_log_odds)
    marginal += 1
    marginal *= np.float32(0.5)
    return marginal


def _make_places(shape: tuple[int, ...]) -> list[FloatArray]:
    """Return x and y of every pixel, (H, W) each, as views of a row and a column."""
    height, width = shape
    x = np.arange(width, dtype=np.float32)
    y = np.arange(height, dtype=np.float32)[:, None]
    return [np.broadcast_to(x, (height, width)), np.broadcast_to(y, (height, width))]


def _make_kernel(planes: Sequence[npt.NDArray[Any]], sigmas: Sequence[float]) -> Filter:
    """Return D^-1/2 K D^-1/2 for the Gaussian kernel K of the features, D its row sums."""
    shape = planes[0].shape
    lattice = build_lattice(planes, sigmas)
    norm = lattice.filter(np.ones(math.prod(shape), dtype=np.float32)).reshape(shape)
    # A sum of weights may round to 0 only where a pixel is alone; then it keeps to itself.
    np.maximum(norm, np.float32(1e-20), out=norm)
    np.sqrt(norm, out=norm)
    np.reciprocal(norm, out=norm)

    def smooth(values: FloatArray) -> FloatArray:
        filtered = lattice.filter((values * norm).ravel()).reshape(shape)
        filtered *= norm
        return filtered

    return smooth


def _require_arrays(probability: FloatArray, pixels: npt.NDArray[np.uint8]) -> None:
    if probability.ndim != 2 or not probability.size:
        raise UsageError(f"probability has shape {probability.shape}, expected (H, W)")
    if not np.issubdtype(probability.dtype, np.floating) or not np.isfinite(probability).all():
        raise UsageError(f"probability is {probability.dtype}, expected finite numbers from 0 to 1")
    if pixels.dtype != np.uint8 or pixels.shape != (*probability.shape, 3):
        raise UsageError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}, expected uint8 of shape "
            f"{(*probability.shape, 3)} as the probability"
        )


def _require_options(
    iterations: int,
    sigmas: tuple[float, ...],
    weights: tuple[float, ...],
) -> None:
    if iterations < 0:
        raise UsageError(f"iterations is {iterations}, expected 0 or more")
    if not all(0 < sigma < math.inf for sigma in sigmas):
        raise UsageError(f"the standard deviations are {sigmas}, expected numbers above 0")
    if not all(0 <= weight < math.inf for weight in weights):
        raise UsageError(f"the weights are {weights}, expected numbers of 0 or more")
