"""Is this a dermoscopy at all? Hand-made features and a logistic model of a hundred numbers.

A network trained on dermoscopies answers with confidence to a photograph of a cup. This model,
fitted by ``tools/fit_dermoscopy.py``, stands before it. What it was fitted on, and how often it
errs, stands in ``dermoscopy.json`` beside it.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nevus.analysis.appearance import FEATURES, dermoscopy_features

__all__ = [
    "FEATURES",
    "DermoscopyModel",
    "dermoscopy_features",
    "dermoscopy_score",
    "is_dermoscopy",
    "load_model",
]

Pixels = NDArray[np.uint8]

FARTHEST: Final = 6.0
"""Standardised features are cut off here: no single one decides alone."""


@dataclass(frozen=True)
class DermoscopyModel:
    """Coefficients of the logistic model.

    Attributes:
        mean: (N,) of the features on dermoscopies.
        scale: (N,) their standard deviations.
        linear: (N,) weights of the standardised features.
        square: (N,) weights of their squares: dermoscopies lie in the middle, the rest around.
        bias: Weight of one.
        threshold: A picture is called a dermoscopy from this score on.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    linear: NDArray[np.float64]
    square: NDArray[np.float64]
    bias: float
    threshold: float

    def score(self, features: NDArray[np.floating]) -> float:
        """Return the score of (N,) features, in [0, 1]."""
        offset = np.clip((features - self.mean) / self.scale, -FARTHEST, FARTHEST)
        logit = float(self.bias + offset @ self.linear + offset**2 @ self.square)
        return 1 / (1 + math.exp(-max(min(logit, 60.0), -60.0)))


def dermoscopy_score(pixels: Pixels) -> float:
    """Return how much a photograph looks like a dermoscopy, in [0, 1].

    Not a probability: how often strangers send other pictures is not known.

    Args:
        pixels: (H, W, 3) uint8, RGB.
    """
    return load_model().score(dermoscopy_features(pixels))


def is_dermoscopy(score: float) -> bool:
    """Return whether a score reaches the model's threshold."""
    return score >= load_model().threshold


@cache
def load_model() -> DermoscopyModel:
    """Return the packaged model.

    Raises:
        ValueError: Its features are not those of this file.
    """
    place = resources.files("nevus.analysis") / "dermoscopy.json"
    table = json.loads(place.read_text(encoding="utf-8"))
    rows = table["features"]
    if tuple(row["name"] for row in rows) != FEATURES:
        raise ValueError("dermoscopy.json was fitted on other features; run tools/fit_dermoscopy")
    columns = ("mean", "scale", "linear", "square")
    parts = {name: np.array([row[name] for row in rows], np.float64) for name in columns}
    return DermoscopyModel(**parts, bias=float(table["bias"]), threshold=float(table["threshold"]))
