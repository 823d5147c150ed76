"""What networks say about one photograph, whatever ran them. numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.imaging.resizing import resize_probability
from nevus.imaging.views import View, name_views
from nevus.labels import ATTRIBUTES
from nevus.metrics.mixing import WAYS, mix_scores
from nevus.models.gallery import Gallery, Neighbour, find_neighbours, score_by_distance

Maps = NDArray[np.float32]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class AttributeMaps:
    """What one network says about one photograph.

    Attributes:
        maps: (5, H, W) float32 probabilities in the order of `nevus.labels.ATTRIBUTES`.
        presences: (5,) probabilities of being there at all; 1 where the network does not say.
        lesion: (H, W) float32 probabilities of the lesion, where the network says them.
    """

    maps: Maps
    presences: Probabilities
    lesion: Maps | None = None


@dataclass(frozen=True)
class Diagnosis:
    """What one network says about one photograph.

    Attributes:
        probabilities: (7,) in the order of `nevus.labels.DIAGNOSES`, summing to 1.
        similar: The nearest photographs of the gallery.
        evidence: (7, h, w) float32, what each place adds to each class's logit, of the part of
            the photograph that `Preparation.window` names; None where the network does not say.
    """

    probabilities: Probabilities
    similar: tuple[Neighbour, ...]
    evidence: Maps | None = None


def resize_maps(maps: Maps, size: tuple[int, int]) -> Maps:
    """Return (C, H, W) probabilities of `size` for (C, h, w)."""
    return np.stack([resize_probability(part, size) for part in maps])


def fill_presences(presences: Probabilities) -> Probabilities:
    """Return (5,) presences: 1 each where the network has no such head."""
    return presences if presences.size else np.ones(len(ATTRIBUTES))


def choose_temperature(fitted: Mapping[str, Any], views: tuple[View, ...]) -> dict[str, float]:
    """Return temperatures by way, as fitted for these views, or for one view, or none (1).

    Args:
        fitted: Of a checkpoint or manifest: ``calibration`` and ``temperature``, if it has them.
        views: Answers to these are averaged.
    """
    ways = fitted.get("calibration", {}).get(name_views(views))
    if ways:
        return {way: float(ways[way]["temperature"]) for way in WAYS}
    older = fitted.get("temperature", {})
    return {way: float(older.get(way, 1.0)) for way in WAYS}


def make_diagnosis(
    gallery: Gallery,
    logits: Probabilities,
    distances: Probabilities,
    *,
    by: str,
    temperature: Mapping[str, float],
    similar: int,
    evidence: Maps | None = None,
) -> Diagnosis:
    """Return what V views of one photograph say together.

    Views are averaged as probabilities, and as distances for similar cases.

    Args:
        gallery: Of G photographs; its embeddings are not looked at.
        logits: (V, 7).
        distances: (V, G) to the gallery.
        by: One of `WAYS`.
        temperature: See `mix_scores`.
        similar: How many photographs of the gallery to name.
        evidence: Passed on.
    """
    near_classes = score_by_distance(gallery, distances)
    scores = {"logits": logits[:, None], "gallery": near_classes[:, None]}
    mean = mix_scores(scores, temperature, by)[0]
    near = find_neighbours(gallery, distances.mean(0), similar)
    return Diagnosis(mean, near, evidence)
