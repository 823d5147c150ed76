"""A page on task 3 predictions: confusion, calibration, curves, groups, in one HTML file."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nevus.evaluation.class_charts import (
    BAR_HEIGHT,
    CELL_HEIGHT,
    CELL_WIDTH,
    SIDE,
    place_bins,
    place_cells,
    trace_path,
)
from nevus.evaluation.class_results import DiagnosisScores, Interval
from nevus.evaluation.rendering import render_page
from nevus.evaluation.writing import write_result
from nevus.labels import DIAGNOSES

DIAGNOSIS_NAMES: Final = {
    "MEL": "melanoma",
    "NV": "melanocytic nevus",
    "BCC": "basal cell carcinoma",
    "AKIEC": "actinic keratosis, intraepithelial carcinoma",
    "BKL": "benign keratosis",
    "DF": "dermatofibroma",
    "VASC": "vascular lesion",
}
"""What the seven columns stand for."""

_METRICS: Final = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "accuracy": "Accuracy",
    "dice": "Dice",
    "auc": "AUC",
    "auc_sens_80": "AUC from 80 % sensitivity",
    "ap": "Average precision",
}
_CALIBRATION: Final = {
    "ece": "Expected calibration error, 15 equal bins",
    "adaptive_ece": "Expected calibration error, bins of equal filling",
    "classwise_ece": "Expected calibration error, mean over classes",
    "nll": "Negative log-likelihood",
    "brier": "Brier score",
}
_NOTHING: Final = "–"

Row = dict[str, object]


def write_class_page(path: Path, scores: DiagnosisScores, *, title: str = "Diagnosis") -> None:
    """Write confusion matrix, reliability diagram, curves and tables as one HTML file.

    The page runs no script and loads nothing from anywhere; its Content-Security-Policy forbids
    both. It follows the reader's light or dark setting and can be printed.

    Args:
        path: The file to write.
        scores: Of `nevus.evaluation.class_scores.score_diagnosis`.
        title: Heading of the page.

    Raises:
        DiskFullError: No space is left.
        UsageError: The folder does not exist or cannot be written.
    """
    write_result(path, render_class_page(scores, title=title).encode(errors="backslashreplace"))


def render_class_page(scores: DiagnosisScores, *, title: str = "Diagnosis") -> str:
    """Return the page `write_class_page` writes."""
    undecided = bool(scores.confusion[:, -1].any())
    columns = len(DIAGNOSES) + undecided
    return render_page(
        "diagnosis",
        title=title,
        scores=scores,
        summary=list(_list_summary(scores)),
        calibration=[
            {"name": text, "value": _tell(scores.calibration[name])}
            for name, text in _CALIBRATION.items()
        ],
        classes=list(_list_classes(scores)),
        metrics=list(_METRICS.values()),
        macro=[_tell(scores.macro[name]) for name in _METRICS],
        columns=[*DIAGNOSES, "undecided"][:columns],
        cells=list(place_cells(scores.confusion, DIAGNOSES, columns)),
        bins=list(place_bins(scores.reliability)),
        curves=list(_list_curves(scores)),
        points=list(_list_points(scores)),
        groups={name: list(_list_groups(scores, name)) for name in scores.by_group},
        ece=_tell(scores.ece),
        side=SIDE,
        bar_height=BAR_HEIGHT,
        cell=(CELL_WIDTH, CELL_HEIGHT),
    )


def _list_summary(scores: DiagnosisScores) -> Iterator[Row]:
    for name, value in (
        ("balanced_accuracy", scores.balanced_accuracy),
        ("accuracy", scores.accuracy),
    ):
        yield {
            "name": name.replace("_", " "),
            "value": _tell(value),
            "interval": _tell_interval(scores.ci95[name]),
        }
    yield {"name": "mean AUC over classes", "value": _tell(scores.macro["auc"]),
           "interval": _NOTHING}  # fmt: skip


def _list_classes(scores: DiagnosisScores) -> Iterator[Row]:
    for name, values in scores.per_class.items():
        yield {
            "name": name,
            "text": DIAGNOSIS_NAMES[name],
            "n": f"{values['n']:g}",
            "units": f"{values['units']:g}",
            "recall": _tell(values["recall"]),
            "interval": _tell_interval(scores.ci95[f"recall_{name}"]),
            "metrics": [_tell(values[metric]) for metric in _METRICS],
        }


def _list_curves(scores: DiagnosisScores) -> Iterator[Row]:
    for name, curve in scores.curves.items():
        marks = [
            {"x": f"{(1 - point.point.specificity) * SIDE:.1f}",
             "y": f"{(1 - point.point.sensitivity) * SIDE:.1f}"}
            for point in scores.melanoma_points if name == "MEL"
        ]  # fmt: skip
        yield {
            "name": name,
            "text": DIAGNOSIS_NAMES[name],
            "path": trace_path(curve) if curve else None,
            "auc": _tell(scores.per_class[name]["auc"]),
            "n": f"{scores.per_class[name]['n']:g}",
            "marks": marks,
        }


def _list_points(scores: DiagnosisScores) -> Iterator[Row]:
    for one in scores.melanoma_points:
        yield {
            "wanted": f"{one.wanted:.2f}",
            "threshold": f"{one.point.threshold:.4g}",
            "sensitivity": _tell(one.point.sensitivity),
            "sensitivity_interval": _tell_interval(one.ci95["sensitivity"]),
            "specificity": _tell(one.point.specificity),
            "specificity_interval": _tell_interval(one.ci95["specificity"]),
        }


def _list_groups(scores: DiagnosisScores, grouping: str) -> Iterator[Row]:
    for name, group in scores.by_group[grouping].items():
        yield {
            "name": name,
            "n": str(group.n),
            "units": str(group.units),
            "classes": str(group.classes),
            "balanced_accuracy": _tell(group.balanced_accuracy),
            "interval": _tell_interval(group.ci95["balanced_accuracy"]),
            "accuracy": _tell(group.accuracy),
            "melanomas": str(group.melanomas),
            "melanoma_recall": _tell(group.melanoma_recall),
            "melanoma_interval": _tell_interval(group.ci95["melanoma_recall"]),
        }


def _tell(value: float) -> str:
    return _NOTHING if math.isnan(value) else f"{value:.3f}"


def _tell_interval(bounds: Interval) -> str:
    low, high = bounds
    return _NOTHING if math.isnan(low) else f"{low:.3f} to {high:.3f}"
