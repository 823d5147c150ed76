"""Class probabilities from logits, from distances to a gallery, or from both. numpy only."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nevus.metrics.temperature import softmax

Scores = NDArray[np.float64]
WAYS: Final = ("logits", "gallery", "both")
"""How class probabilities can come about; see `nevus.options.PredictionOptions.by`."""

SMALLEST: Final = 1e-12
"""What a probability of 0 counts as before its logarithm is taken."""


def mix_scores(scores: Mapping[str, Scores], temperature: Mapping[str, float], by: str) -> Scores:
    """Return (N, 7) probabilities of N photographs seen in V views each.

    Views are averaged as probabilities.

    Args:
        scores: ``logits`` and ``gallery``, (V, N, 7) each, unbounded.
        temperature: By the same names; 1 where one is missing. ``both`` sharpens the mean of the
            other two, which is less sure than either.
        by: One of `WAYS`.
    """
    if by == "both":
        parts = [mix_scores(scores, temperature, name) for name in ("logits", "gallery")]
        return sharpen(np.mean(parts, axis=0), temperature.get("both", 1.0))
    seen = [softmax(view, temperature.get(by, 1.0)) for view in scores[by]]
    return np.asarray(np.mean(seen, axis=0))


def sharpen(probabilities: Scores, temperature: float) -> Scores:
    """Return (N, K) probabilities at another temperature; at 1 they stay to the last bit."""
    if temperature == 1.0:
        return probabilities
    return softmax(np.log(np.maximum(probabilities, SMALLEST)), temperature)
