"""Photographs with true class, predicted class and probabilities, and the lesions they show."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nevus.errors import DataError
from nevus.evaluation.class_tables import ClassTable
from nevus.evaluation.patient_facts import Facts
from nevus.evaluation.resampling import find_interval, resample_sums
from nevus.labels import DIAGNOSES
from nevus.metrics.classes import choose_labels, count_confusion, recall

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_NO_FACTS = Facts()


@dataclass(frozen=True)
class ClassCases:
    """N photographs that count, with what bootstrap and groups need to know of them.

    Args:
        image_ids: Sorted.
        truth: (N,) true classes, as places in `nevus.labels.DIAGNOSES`.
        labels: (N,) predicted ones; -1 where two classes tie.
        probabilities: (N, 7) as they stood in the file.
        weights: (N,), > 0.
        facts: Of each photograph.
        units: (N,) number of the lesion; a photograph of unknown lesion is a unit by itself.
    """

    image_ids: tuple[str, ...]
    truth: Labels
    labels: Labels
    probabilities: Floats
    weights: Floats
    facts: tuple[Facts, ...]
    units: Labels

    @property
    def n(self) -> int:
        """The number of photographs."""
        return len(self.image_ids)

    def count(self) -> Floats:
        """Return the confusion, (7, 8); the last column is undecided."""
        return count_confusion(self.truth, self.labels, len(DIAGNOSES), self.weights)

    def choose(self, chosen: Flags) -> "ClassCases":
        """Return some of the photographs, (N,) chosen."""
        places = np.flatnonzero(chosen)
        return ClassCases(
            image_ids=tuple(self.image_ids[place] for place in places),
            truth=self.truth[places],
            labels=self.labels[places],
            probabilities=self.probabilities[places],
            weights=self.weights[places],
            facts=tuple(self.facts[place] for place in places),
            units=np.unique(self.units[places], return_inverse=True)[1].astype(np.int64),
        )


def make_cases(
    image_ids: Sequence[str],
    truth: Labels,
    probabilities: Floats,
    weights: Floats,
    facts: Mapping[str, Facts],
) -> ClassCases:
    """Bring together what is known of each photograph; those of weight 0 are left out.

    Args:
        image_ids: N names.
        truth: (N,) places in `nevus.labels.DIAGNOSES`.
        probabilities: (N, 7).
        weights: (N,), >= 0.
        facts: image_id -> facts, as far as there are any.
    """
    known = tuple(facts.get(image_id, _NO_FACTS) for image_id in image_ids)
    names = [one.lesion_id or f"\0{key}" for key, one in zip(image_ids, known, strict=True)]
    # Names of any length: an array of texts would make all as wide as the longest.
    units = {name: place for place, name in enumerate(sorted(set(names)))}
    cases = ClassCases(
        image_ids=tuple(image_ids),
        truth=truth,
        labels=choose_labels(probabilities),
        probabilities=probabilities,
        weights=weights,
        facts=known,
        units=np.array([units[name] for name in names], dtype=np.int64),
    )
    return cases.choose(weights > 0)


def join_tables(
    truth: ClassTable, prediction: ClassTable, facts: Mapping[str, Facts]
) -> ClassCases:
    """Pair the rows of two tables by image_id; what stands in one alone is left out.

    Raises:
        DataError: No photograph that counts has both.
    """
    rows = {image_id: row for row, image_id in enumerate(prediction.image_ids)}
    kept = [place for place, key in enumerate(truth.image_ids) if key in rows]
    if not truth.weights[kept].any():
        raise DataError("no photograph that counts has both a truth and a prediction")
    image_ids = [truth.image_ids[place] for place in kept]
    return make_cases(
        image_ids,
        truth.values[kept].argmax(axis=1).astype(np.int64),
        prediction.values[[rows[key] for key in image_ids]],
        truth.weights[kept],
        facts,
    )


def name_unit(cases: ClassCases) -> str:
    """Say over what a bootstrap of these photographs draws."""
    known = sum(one.lesion_id is not None for one in cases.facts)
    if known == cases.n:
        return "lesion"
    return "lesion, or photograph where unknown" if known else "photograph"


def draw_confusions(cases: ClassCases, *, seed: int = 0) -> Floats:
    """Return (R, 7, 8) confusions of lesions drawn with replacement, class by class."""
    cells = len(DIAGNOSES) * (len(DIAGNOSES) + 1)
    columns = np.where(cases.labels < 0, len(DIAGNOSES), cases.labels)
    flat = cases.truth * (len(DIAGNOSES) + 1) + columns
    sums = _sum_over_units(cases, np.eye(cells)[flat])
    drawn = resample_sums(sums, _find_strata(cases), seed=seed)
    return drawn.reshape(-1, len(DIAGNOSES), len(DIAGNOSES) + 1)


def find_confusion_intervals(cases: ClassCases) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of balanced_accuracy, accuracy and each class's recall.

    Nothing is known of spread where a single lesion speaks for a class: (nan, nan) for that
    class's recall and for balanced_accuracy; for accuracy where there is a single lesion at all.
    """
    units = count_units(cases)
    drawn = draw_confusions(cases)
    shares = recall(drawn)
    rights = np.trace(drawn, axis1=1, axis2=2) / drawn.sum(axis=(1, 2))
    sums = {
        "balanced_accuracy": _mean_of_defined(shares),
        "accuracy": rights,
        **{f"recall_{name}": shares[:, place] for place, name in enumerate(DIAGNOSES)},
    }
    alone = {f"recall_{name}" for name, number in zip(DIAGNOSES, units, strict=True) if number < 2}
    if (units == 1).any():
        alone.add("balanced_accuracy")
    if np.unique(cases.units).size < 2:
        alone.add("accuracy")
    return {
        name: (math.nan, math.nan) if name in alone else find_interval(values)
        for name, values in sums.items()
    }


def find_share_interval(cases: ClassCases, among: Flags, hits: Flags) -> tuple[float, float]:
    """Return the 95 % interval of the share of `hits` among some photographs.

    Args:
        cases: N photographs.
        among: (N,) what the share is of.
        hits: (N,) what counts; looked at only where `among`.
    """
    if np.unique(cases.units[among]).size < 2:
        return math.nan, math.nan
    sums = _sum_over_units(cases, np.stack([among, among & hits], axis=1).astype(np.float64))
    drawn = resample_sums(sums, _find_strata(cases))
    with np.errstate(invalid="ignore"):
        return find_interval(drawn[:, 1] / drawn[:, 0])


def count_units(cases: ClassCases) -> Labels:
    """Return (7,) how many lesions each class's photographs show."""
    return np.array(
        [np.unique(cases.units[cases.truth == place]).size for place in range(len(DIAGNOSES))],
        dtype=np.int64,
    )


def _sum_over_units(cases: ClassCases, values: Floats) -> Floats:
    sums = np.zeros((int(cases.units.max()) + 1, values.shape[1]))
    np.add.at(sums, cases.units, values * cases.weights[:, None])
    return sums


def _find_strata(cases: ClassCases) -> Labels:
    """Return (U,) each unit's class; of a unit with several, the one that is rarest over all."""
    held = _sum_over_units(cases, np.eye(len(DIAGNOSES))[cases.truth])
    totals = np.where(held > 0, held.sum(axis=0), np.inf)
    strata: Labels = totals.argmin(axis=1).astype(np.int64)
    return strata


def _mean_of_defined(shares: Floats) -> Floats:
    defined = ~np.isnan(shares)
    total = np.where(defined, shares, 0.0).sum(axis=1)
    means = np.full(total.shape, np.nan)
    np.divide(total, defined.sum(axis=1), out=means, where=defined.any(axis=1))
    return means
