"""What task 3 scores consist of, and how they are told as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nevus.evaluation.class_cases import ClassCases
from nevus.labels import DIAGNOSES, NOTICE
from nevus.metrics.calibration import Reliability
from nevus.metrics.curves import Curve, OperatingPoint

Interval = tuple[float, float]


@dataclass(frozen=True)
class GroupScores:
    """What the predictions are worth for some of the photographs.

    Args:
        n: Photographs.
        units: Lesions, or photographs of unknown lesion.
        classes: How many of the seven diagnoses occur; balanced_accuracy is their mean recall.
        balanced_accuracy: In [0, 1].
        accuracy: In [0, 1].
        melanomas: Photographs of melanoma.
        melanoma_recall: Share of these labelled as such; NaN without one.
        ci95: Intervals of balanced_accuracy, accuracy and melanoma_recall.
    """

    n: int
    units: int
    classes: int
    balanced_accuracy: float
    accuracy: float
    melanomas: int
    melanoma_recall: float
    ci95: Mapping[str, Interval]


@dataclass(frozen=True)
class MelanomaPoint:
    """A threshold on the probability of melanoma, chosen on the very photographs it is rated on.

    Args:
        wanted: The sensitivity asked for.
        point: Threshold, sensitivity and specificity.
        ci95: Intervals of sensitivity and specificity at that threshold.
    """

    wanted: float
    point: OperatingPoint
    ci95: Mapping[str, Interval]


@dataclass(frozen=True)
class DiagnosisScores:
    """What task 3 probabilities are worth.

    Args:
        cases: The photographs that count, sorted by image_id.
        balanced_accuracy: Mean recall over the classes of the truth: the score that ranks.
        accuracy: Share of right labels.
        per_class: diagnosis -> n, units, recall (by label) and the official metrics, each class
            against the rest; NaN where the truth holds no or only such photographs.
        macro: metric -> mean over the classes where it is defined, as the official scorer has it.
        confusion: (7, 8) photographs by true and predicted class; the last column is undecided.
        calibration: ece, adaptive_ece, classwise_ece, nll, brier, of rows divided by their sums.
        reliability: The bins behind ece.
        curves: diagnosis -> receiver operating characteristic, None where undefined.
        melanoma_points: Ascending by the sensitivity wanted; empty without melanoma.
        ci95: 95 % bootstrap intervals of balanced_accuracy, accuracy, recall_<diagnosis>.
        by_group: ``age``, ``sex``, ``site`` -> group -> scores; what is unknown throughout is
            left out.
        unit: What the bootstrap draws: ``lesion``, ``photograph``, or a mixture.
        units: How many of these there are.
        unweighted: image_ids that weigh 0 and count nowhere.
        warnings: One sentence each.
        subset: Whether only photographs with a prediction were asked for.
        left_out: image_ids of the truth without a prediction; empty unless `subset`.
        ignored: image_ids of predictions without a truth; empty unless `subset`.
    """

    cases: ClassCases
    balanced_accuracy: float
    accuracy: float
    per_class: Mapping[str, Mapping[str, float]]
    macro: Mapping[str, float]
    confusion: npt.NDArray[np.float64]
    calibration: Mapping[str, float]
    reliability: Reliability
    curves: Mapping[str, Curve | None]
    melanoma_points: tuple[MelanomaPoint, ...]
    ci95: Mapping[str, Interval]
    by_group: Mapping[str, Mapping[str, GroupScores]]
    unit: str
    units: int
    unweighted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    subset: bool = False
    left_out: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many photographs count."""
        return self.cases.n

    @property
    def ece(self) -> float:
        """The expected calibration error over 15 bins of equal width."""
        return self.calibration["ece"]

    def to_json(self) -> dict[str, object]:
        """Return what `nevus evaluate diagnosis --json` prints, free of NaN.

        A number that is not defined is None. The key ``subset`` is there only where a part of
        the photographs was scored.
        """
        answer: dict[str, object] = {
            "notice": NOTICE,
            "n": self.n,
            "balanced_accuracy": self.balanced_accuracy,
            "accuracy": self.accuracy,
            "macro": _tell(self.macro),
            "per_class": {name: _tell(values) for name, values in self.per_class.items()},
            "confusion": {
                "rows": list(DIAGNOSES),
                "columns": [*DIAGNOSES, "undecided"],
                "counts": [[_tell_count(cell) for cell in row] for row in self.confusion],
            },
            **_tell(self.calibration),
            "melanoma_points": [_tell_point(point) for point in self.melanoma_points],
            "ci95": _tell_intervals(self.ci95),
            "resampled": {"unit": self.unit, "units": self.units},
            "by_group": {
                name: {group: _tell_group(one) for group, one in groups.items()}
                for name, groups in self.by_group.items()
            },
            "unweighted": list(self.unweighted),
            "warnings": list(self.warnings),
        }
        if self.subset:
            answer["subset"] = {"left_out": len(self.left_out), "ignored": len(self.ignored)}
        return answer


def _tell(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _tell_count(value: float) -> float:
    return int(value) if float(value).is_integer() else float(value)


def _tell_intervals(intervals: Mapping[str, Interval]) -> dict[str, list[float] | None]:
    return {
        name: None if math.isnan(low) else [low, high] for name, (low, high) in intervals.items()
    }


def _tell_point(point: MelanomaPoint) -> dict[str, object]:
    return {
        "wanted_sensitivity": point.wanted,
        "threshold": point.point.threshold,
        "sensitivity": point.point.sensitivity,
        "specificity": point.point.specificity,
        "ci95": _tell_intervals(point.ci95),
    }


def _tell_group(group: GroupScores) -> dict[str, object]:
    numbers = {"balanced_accuracy": group.balanced_accuracy, "accuracy": group.accuracy,
               "melanoma_recall": group.melanoma_recall}  # fmt: skip
    counts = {"n": group.n, "units": group.units, "classes": group.classes,
              "melanomas": group.melanomas}  # fmt: skip
    return {**counts, **_tell(numbers), "ci95": _tell_intervals(group.ci95)}
