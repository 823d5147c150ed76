"""Scores over the photographs of all folds, and paired differences between two rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nevus.errors import DataError
from nevus.evaluation.attribute_scores import make_attribute_scores
from nevus.evaluation.bootstrap import interval
from nevus.evaluation.class_cases import ClassCases, find_confusion_intervals, make_cases
from nevus.evaluation.patient_facts import Facts
from nevus.evaluation.resampling import RESAMPLES, find_interval, resample_sums
from nevus.labels import DIAGNOSES
from nevus.metrics.attributes import pool_jaccard
from nevus.metrics.classes import balanced_accuracy, recall

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]
_CHUNK: Final = 200


@dataclass(frozen=True)
class Pooled:
    """A number over photographs, with its 95 % bootstrap interval.

    Attributes:
        value: The score, or the difference of two scores.
        low: Of the interval; NaN where nothing is known of spread.
        high: Of the interval.
        n: Photographs.
    """

    value: float
    low: float
    high: float
    n: int


def join_folds(parts: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """Return the arrays of several folds as one, sorted by image_id.

    Raises:
        DataError: A photograph was scored in two folds.
    """
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if len(np.unique(joined["image_ids"])) < len(joined["image_ids"]):
        raise DataError("a photograph was scored in two folds")
    order = np.argsort(joined["image_ids"])
    return {name: values[order] for name, values in joined.items()}


def pair_photographs(
    first: Arrays, second: Arrays
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return both rows' arrays on the photographs that both scored, in one order.

    Raises:
        DataError: There are none.
    """
    both, left, right = np.intersect1d(
        first["image_ids"], second["image_ids"], assume_unique=True, return_indices=True
    )
    if both.size == 0:
        raise DataError("no photograph was scored by both rows")
    return (
        {name: values[left] for name, values in first.items()},
        {name: values[right] for name, values in second.items()},
    )


def pool_masks(arrays: Arrays) -> Pooled:
    """Return the mean threshold Jaccard over photographs."""
    values = arrays["threshold_jaccard"]
    return Pooled(float(values.mean()), *interval(values), len(values))


def compare_masks(first: Arrays, second: Arrays) -> Pooled:
    """Return the mean difference of threshold Jaccards, photographs drawn in pairs."""
    values = first["threshold_jaccard"] - second["threshold_jaccard"]
    return Pooled(float(values.mean()), *interval(values), len(values))


def pool_maps(arrays: Arrays) -> Pooled:
    """Return the pooled Jaccard over photographs and attributes."""
    scores = make_attribute_scores(arrays["image_ids"].tolist(), arrays["shares"])
    return Pooled(scores.pooled_jaccard, *scores.ci95["pooled_jaccard"], scores.n)


def compare_maps(first: Arrays, second: Arrays) -> Pooled:
    """Return the difference of pooled Jaccards; each draw of photographs serves both rows."""
    left, right = (row["shares"].sum(axis=1) for row in (first, second))
    value = float(pool_jaccard(left.sum(axis=0)) - pool_jaccard(right.sum(axis=0)))
    number = len(left)
    if number < 2:
        return Pooled(value, np.nan, np.nan, number)
    generator = np.random.default_rng(0)
    parts = []
    for _ in range(RESAMPLES // _CHUNK):
        times = generator.multinomial(number, np.full(number, 1 / number), size=_CHUNK)
        drawn = times.astype(np.float64)
        parts.append(pool_jaccard(drawn @ left) - pool_jaccard(drawn @ right))
    return Pooled(value, *find_interval(np.concatenate(parts)), number)


def pool_classes(arrays: Arrays) -> Pooled:
    """Return balanced accuracy; the interval draws lesions, class by class."""
    cases = to_cases(arrays)
    value = balanced_accuracy(cases.count())
    return Pooled(value, *find_confusion_intervals(cases)["balanced_accuracy"], cases.n)


def compare_classes(first: Arrays, second: Arrays) -> Pooled:
    """Return the difference of balanced accuracies; each draw of lesions serves both rows."""
    left, right = to_cases(first), to_cases(second)
    classes = len(DIAGNOSES)
    held = np.eye(classes)[left.truth] * left.weights[:, None]
    rights = [held * (cases.labels == cases.truth)[:, None] for cases in (left, right)]
    sums = np.zeros((int(left.units.max()) + 1, 3 * classes))
    np.add.at(sums, left.units, np.concatenate([held, *rights], axis=1))
    value = balanced_accuracy(left.count()) - balanced_accuracy(right.count())
    # A lesion with several diagnoses belongs to the one that is rarest over all.
    totals = np.where(sums[:, :classes] > 0, held.sum(axis=0), np.inf)
    strata = totals.argmin(axis=1).astype(np.int64)
    if (np.bincount(strata, minlength=classes) == 1).any():
        return Pooled(value, np.nan, np.nan, left.n)
    drawn = resample_sums(sums, strata).reshape(-1, 3, classes)
    differences = _mean_recall(drawn[:, 1], drawn[:, 0]) - _mean_recall(drawn[:, 2], drawn[:, 0])
    return Pooled(value, *find_interval(differences), left.n)


POOLS: dict[str, Callable[[Arrays], Pooled]] = {
    "segmentation": pool_masks,
    "attributes": pool_maps,
    "diagnosis": pool_classes,
}
"""Each value: arrays of all folds -> score, by task."""

COMPARISONS: dict[str, Callable[[Arrays, Arrays], Pooled]] = {
    "segmentation": compare_masks,
    "attributes": compare_maps,
    "diagnosis": compare_classes,
}
"""Each value: two rows' arrays of the same photographs -> first minus second, by task."""


def to_cases(arrays: Arrays) -> ClassCases:
    """Return a row's arrays as cases; a photograph without lesion_id is a lesion by itself."""
    image_ids = arrays["image_ids"].tolist()
    lesions = arrays["lesions"].tolist()
    facts = {
        image_id: Facts(lesion_id=lesion)
        for image_id, lesion in zip(image_ids, lesions, strict=True)
        if lesion
    }
    return make_cases(image_ids, arrays["truth"], arrays["probabilities"], arrays["weights"], facts)


def recall_by_class(arrays: Arrays) -> dict[str, float]:
    """Return each diagnosis's recall; those the truth lacks are left out."""
    shares = recall(to_cases(arrays).count())
    return {
        name: float(share)
        for name, share in zip(DIAGNOSES, shares, strict=True)
        if not np.isnan(share)
    }


def _mean_recall(right: Floats, held: Floats) -> Floats:
    shares = np.divide(right, held, out=np.full(right.shape, np.nan), where=held > 0)
    return np.asarray(np.nanmean(shares, axis=1), dtype=np.float64)
