"""Where a diagnosis's evidence lies, as maps of the whole photograph.

The head of a diagnosis network is linear, so each place's share of a logit is exact: class
activation maps, Zhou et al. 2016, arXiv:1512.04150. What a place adds is no finding, and what it
lacks is none either.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from nevus.imaging.preparation import Preparation
from nevus.labels import DIAGNOSES

Floats = NDArray[np.float32]

LONG_SIDE: Final = 192
"""Of the maps, pixels: many times finer than what the network distinguishes."""


def place_evidence(
    evidence: Floats, preparation: Preparation, shape: tuple[int, int], names: Sequence[str]
) -> dict[str, Floats]:
    """Return a map of the whole photograph for some diagnoses; 0 where the network saw nothing.

    Args:
        evidence: (7, h, w), of the part of the photograph that the network saw.
        preparation: Says which part that was.
        shape: (H, W) of the photograph.
        names: Diagnoses.
    """
    factor = LONG_SIDE / max(shape)
    size = tuple(max(1, round(side * factor)) for side in shape)
    window = tuple(
        slice(round(part.start * factor), max(round(part.stop * factor), 1))
        for part in preparation.window(shape)
    )
    placed = {}
    for name in names:
        whole = np.zeros(size, np.float32)
        target = whole[window].shape
        whole[window] = _enlarge(evidence[DIAGNOSES.index(name)], (target[0], target[1]))
        placed[name] = whole
    return placed


def _enlarge(values: Floats, size: tuple[int, int]) -> Floats:
    factors = (size[0] / values.shape[0], size[1] / values.shape[1])
    large = zoom(values, factors, order=1, mode="nearest", grid_mode=True)
    return np.asarray(large, np.float32)
