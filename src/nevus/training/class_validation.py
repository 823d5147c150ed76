"""Validation of a diagnosis network: by logits, by gallery, temperatures, spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nevus.imaging.views import UPRIGHT, View
from nevus.labels import DIAGNOSES
from nevus.metrics.calibration import measure_reliability
from nevus.metrics.classes import balanced_accuracy, choose_labels, count_confusion
from nevus.metrics.mixing import WAYS, mix_scores
from nevus.models.gallery import Gallery, measure_distances, pack_gallery, score_by_distance
from nevus.training.calibration import calibrate
from nevus.training.embedding import Embedded
from nevus.training.triplet import measure_spread
from nevus.training.workload import Validation

COLLAPSED = 0.05
"""Below this spread the embeddings are nearly one point."""
RIGHT, WRONG = (0, 158, 115), (213, 94, 0)
FRAME = 4


@dataclass(frozen=True)
class Examined:
    """Photographs with what a network sees in them.

    Attributes:
        image_ids: Their names.
        labels: Their classes.
        seen: Embeddings and logits of the photographs as they are.
        lesions: Their lesions' names; empty: each is one of its own.
        turned: The same in further views, see `views`.
        views: All of them, the photograph as it is first.
    """

    image_ids: tuple[str, ...]
    labels: tuple[int, ...]
    seen: Embedded
    lesions: tuple[str, ...] = ()
    turned: tuple[Embedded, ...] = ()
    views: tuple[View, ...] = (UPRIGHT,)


def validate_diagnosis(known: Examined, examined: Examined | None, *, by: str) -> Validation:
    """Return scores, the gallery and fitted temperatures.

    Temperatures are fitted on the validation photographs as they come, so that confidences can be
    believed on photographs like them; ``ece_*_before`` is at temperature 1.

    Args:
        known: The gallery's photographs.
        examined: The validation photographs, None without any: no temperature is then fitted.
        by: Whose balanced accuracy is ``metric``: ``logits``, ``gallery`` or ``both``.

    Returns:
        scores ``balanced_accuracy_*`` by each way, ``ece_*`` of probabilities at the temperature,
        ``spread``, ``n``; fitted ``gallery``, ``temperature`` and ``calibration`` (see
        `nevus.training.calibration`); extra ``gallery.*``.
    """
    gallery = Gallery(
        known.image_ids,
        np.array(known.labels, np.int64),
        known.seen.embeddings.numpy().astype(np.float32),
    )
    arrays, names = pack_gallery(gallery)
    extra = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    fitted: dict[str, Any] = {"gallery": names}
    if examined is None:
        return Validation({"metric": 0.0, "n": 0}, fitted, extra)
    labels = np.array(examined.labels, np.int64)
    seen = [_score_view(gallery, one) for one in (examined.seen, *examined.turned)]
    scores = {way: np.stack([one[way] for one in seen]) for way in seen[0]}
    lesions = examined.lesions or examined.image_ids
    calibration = calibrate(scores, labels, lesions, examined.views)
    fitted["calibration"] = calibration
    temperatures = {way: calibration["one"][way]["temperature"] for way in WAYS}
    fitted["temperature"] = {**temperatures, "n": len(labels)}
    found = _score({way: values[:1] for way, values in scores.items()}, temperatures, labels)
    spread = measure_spread(examined.seen.embeddings)
    values = {"metric": found[f"balanced_accuracy_{by}"], **found}
    values |= {"spread": spread, "n": len(labels)}
    remarks = (
        (f"embeddings have collapsed (spread {spread:.3f}): try triplets.mining=semi_hard",)
        if spread < COLLAPSED
        else ()
    )
    return Validation(values, fitted, extra, remarks)


def _score_view(gallery: Gallery, seen: Embedded) -> dict[str, NDArray[np.float64]]:
    distances = measure_distances(gallery, seen.embeddings.numpy())
    return {
        "logits": seen.logits.numpy().astype(np.float64),
        "gallery": score_by_distance(gallery, distances),
    }


def _score(
    scores: dict[str, NDArray[np.float64]],
    temperatures: dict[str, float],
    labels: NDArray[np.int64],
) -> dict[str, float]:
    found: dict[str, float] = {}
    equal = np.ones(len(labels))
    for name in scores:
        plain = measure_reliability(mix_scores(scores, {}, name), labels, equal)
        found[f"ece_{name}_before"] = plain.error
    for name in WAYS:
        values = mix_scores(scores, temperatures, name)
        confusion = count_confusion(labels, choose_labels(values), len(DIAGNOSES), equal)
        found[f"balanced_accuracy_{name}"] = balanced_accuracy(confusion)
        found[f"ece_{name}"] = measure_reliability(values, labels, equal).error
    return found


def draw_cases(
    images: NDArray[np.uint8], labels: Sequence[int], logits: torch.Tensor
) -> list[NDArray[np.uint8]]:
    """Return (H, W, 3) photographs in a frame: green where the highest logit is right, red else."""
    drawn = []
    for image, label, row in zip(images, labels, logits, strict=False):
        framed = np.array(image)
        color = RIGHT if int(row[: len(DIAGNOSES)].argmax()) == label else WRONG
        for side in (np.s_[:FRAME], np.s_[-FRAME:], np.s_[:, :FRAME], np.s_[:, -FRAME:]):
            framed[side] = color
        drawn.append(framed)
    return drawn
