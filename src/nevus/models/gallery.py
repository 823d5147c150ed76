"""Prediction by distance to a gallery of training photographs (Xue et al. 2018, section 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.labels import DIAGNOSES


@dataclass(frozen=True)
class Gallery:
    """Embeddings of known photographs.

    Attributes:
        image_ids: Their names.
        labels: (N,) int64, positions in `nevus.labels.DIAGNOSES`.
        embeddings: (N, E) float32.
    """

    image_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True)
class Neighbour:
    """A known photograph near a new one.

    Attributes:
        image_id: Its name.
        diagnosis: Its diagnosis.
        distance: Euclidean distance between the embeddings.
    """

    image_id: str
    diagnosis: str
    distance: float


def draw_gallery(
    image_ids: Sequence[str], labels: Sequence[int], per_class: int, seed: int
) -> list[int]:
    """Return the positions of a gallery: `per_class` photographs of each class, all for 0.

    A pure function of ids, labels and seed; the order of `image_ids` does not matter.
    """
    by_class: dict[int, list[int]] = {}
    for place in sorted(range(len(image_ids)), key=lambda place: image_ids[place]):
        by_class.setdefault(labels[place], []).append(place)
    chosen: list[int] = []
    for label in sorted(by_class):
        members = by_class[label]
        order = np.random.default_rng([seed, label]).permutation(len(members))
        chosen += [members[i] for i in order[: per_class or None]]
    return sorted(chosen)


def measure_distances(gallery: Gallery, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (N, G) Euclidean distances of (N, E) embeddings to the gallery's.

    One photograph at a time, so that a row does not depend on its neighbours.
    """
    known = gallery.embeddings.astype(np.float64)
    rows = [np.sqrt(np.square(known - row).sum(1)) for row in embeddings.astype(np.float64)]
    return np.stack(rows) if rows else np.zeros((0, len(known)))


def score_by_distance(gallery: Gallery, distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 7) minus mean distances to each class of the gallery: the highest wins.

    A class without photographs in the gallery scores -inf.

    Args:
        gallery: Of G photographs.
        distances: (N, G).
    """
    scores = np.full((len(distances), len(DIAGNOSES)), -np.inf)
    for label in np.unique(gallery.labels):
        scores[:, label] = -distances[:, gallery.labels == label].mean(1)
    return scores


def find_neighbours(
    gallery: Gallery, distances: NDArray[np.float64], count: int
) -> tuple[Neighbour, ...]:
    """Return the `count` nearest photographs of the gallery for one row of (G,) distances."""
    order = np.lexsort((np.array(gallery.image_ids), distances))[:count]
    return tuple(
        Neighbour(
            gallery.image_ids[place],
            DIAGNOSES[int(gallery.labels[place])],
            float(distances[place]),
        )
        for place in order
    )


def pack_gallery(gallery: Gallery) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
    """Return a gallery as arrays and JSON values for a checkpoint."""
    arrays: dict[str, NDArray[Any]] = {
        "gallery.embeddings": gallery.embeddings,
        "gallery.labels": gallery.labels,
    }
    return arrays, {"image_ids": list(gallery.image_ids)}


def unpack_gallery(
    arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Sequence[str]]
) -> Gallery:
    """Return the gallery that `pack_gallery` packed."""
    return Gallery(
        tuple(values["image_ids"]),
        arrays["gallery.labels"].astype(np.int64),
        arrays["gallery.embeddings"].astype(np.float32),
    )
