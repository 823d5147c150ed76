"""How far a diagnosis network's probabilities can be believed, from validation photographs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.imaging.views import VIEW_SETS, View
from nevus.labels import DIAGNOSES
from nevus.metrics.calibration import measure_reliability
from nevus.metrics.mixing import WAYS, mix_scores, sharpen
from nevus.metrics.temperature import fit_probabilities

Scores = Mapping[str, NDArray[np.float64]]
Labels = NDArray[np.int64]
HALVES_SEED = 0
DIGITS = 4
"""Of conformal scores; they fill the manifest of every model."""


def calibrate(
    scores: Scores, labels: Labels, lesions: Sequence[str], views: tuple[View, ...]
) -> dict[str, Any]:
    """Return a ``calibration`` for each set of views that can be made of `views`.

    Args:
        scores: ``logits`` and ``gallery``, (V, N, 7) each, as `views` are ordered.
        labels: (N,) positions in `nevus.labels.DIAGNOSES`.
        lesions: N names; photographs of one lesion are never on both sides of a half.
        views: V of them, all different.

    Returns:
        Set of views -> way -> ``temperature``, ``n``, ``ece_before`` (all temperatures 1),
        ``ece`` (temperatures of one half of the lesions judged on the other, both ways) and
        ``scores``: diagnosis -> sorted 1 - p(true class), for class-conditional conformal sets
        (Vovk 2012; Romano et al. 2020). JSON values.
    """
    halves = split_lesions(lesions)
    found = {}
    for name, wanted in VIEW_SETS.items():
        if set(wanted) <= set(views):
            places = [views.index(view) for view in wanted]
            chosen = {way: values[places] for way, values in scores.items()}
            found[name] = _calibrate_views(chosen, labels, halves)
    return found


def fit_temperatures(scores: Scores, labels: Labels) -> dict[str, float]:
    """Return the temperature of each way, of least negative log-likelihood."""
    found: dict[str, float] = {}
    for way in ("logits", "gallery"):
        found[way] = fit_probabilities(
            # `way` is bound now, not when called; mypy infers no type for such a default.
            lambda value, way=way: mix_scores(scores, {way: value}, way),  # type: ignore[misc]
            labels,
        )
    plain = mix_scores(scores, found, "both")
    return {**found, "both": fit_probabilities(lambda value: sharpen(plain, value), labels)}


def split_lesions(lesions: Sequence[str]) -> NDArray[np.bool_]:
    """Return (N,) which half a photograph is in: a pure function of the lesions' names."""
    names = sorted(set(lesions))
    order = np.random.default_rng(HALVES_SEED).permutation(len(names))
    first = {names[place] for place in order[: len(names) // 2]}
    return np.array([lesion in first for lesion in lesions], dtype=np.bool_)


def _calibrate_views(scores: Scores, labels: Labels, half: NDArray[np.bool_]) -> dict[str, Any]:
    temperatures = fit_temperatures(scores, labels)
    crossed = {way: np.empty((len(labels), len(DIAGNOSES))) for way in WAYS}
    for fitting in (half, ~half):
        # With a single lesion there is nothing to cross.
        used = fitting if fitting.any() else ~fitting
        other = fit_temperatures(_select(scores, used), labels[used])
        for way in WAYS:
            crossed[way][~fitting] = mix_scores(_select(scores, ~fitting), other, way)
    found = {}
    for way in WAYS:
        final = mix_scores(scores, temperatures, way)
        found[way] = {
            "temperature": temperatures[way],
            "n": len(labels),
            "ece_before": _measure(mix_scores(scores, {}, way), labels),
            "ece": _measure(crossed[way], labels),
            "scores": list_scores(final, labels),
        }
    return found


def list_scores(probabilities: NDArray[np.float64], labels: Labels) -> dict[str, list[float]]:
    """Return per diagnosis the sorted 1 - p(true class) of its photographs."""
    wrong = 1 - probabilities[np.arange(len(labels)), labels]
    rounded = np.clip(wrong, 0, 1).round(DIGITS)
    return {name: sorted(rounded[labels == k].tolist()) for k, name in enumerate(DIAGNOSES)}


def _select(scores: Scores, chosen: NDArray[np.bool_]) -> Scores:
    return {way: values[:, chosen] for way, values in scores.items()}


def _measure(probabilities: NDArray[np.float64], labels: Labels) -> float:
    return round(measure_reliability(probabilities, labels, np.ones(len(labels))).error, 6)
