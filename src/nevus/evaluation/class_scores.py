"""Task 3 scores of a CSV of probabilities, equal to the official scorer's, with intervals."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from nevus.errors import DataError
from nevus.evaluation.class_cases import (
    ClassCases,
    count_units,
    find_confusion_intervals,
    find_share_interval,
    join_tables,
    name_unit,
)
from nevus.evaluation.class_groups import score_groups
from nevus.evaluation.class_results import DiagnosisScores, MelanomaPoint
from nevus.evaluation.class_tables import compare_ids, inspect_predictions
from nevus.evaluation.class_truth import load_truth
from nevus.evaluation.csv_rows import summarize
from nevus.evaluation.writing import write_result
from nevus.imaging.cells import guard_cell
from nevus.labels import DIAGNOSES
from nevus.metrics.calibration import (
    Reliability,
    brier_score,
    classwise_error,
    measure_reliability,
    negative_log_likelihood,
    normalize,
)
from nevus.metrics.classes import (
    CLASS_METRICS,
    UNDECIDED,
    accuracy,
    balanced_accuracy,
    recall,
    score_class,
)
from nevus.metrics.curves import Curve, find_operating_point, trace_curve

WANTED_SENSITIVITY: Final = 0.9
"""For melanoma, of the operating point, where none is asked for."""

_MELANOMA: Final = DIAGNOSES.index("MEL")
_SENSITIVITIES: Final = (0.8, 0.9, 0.95)
# Wider than what rounding to two decimals does to seven columns.
_SUM_TOLERANCE: Final = 0.04


def score_diagnosis(
    truth: Path,
    prediction: Path,
    *,
    subset: bool = False,
    metadata: Path | None = None,
    sensitivity: float = WANTED_SENSITIVITY,
) -> DiagnosisScores:
    """Score probabilities against the truth by the rules of ISIC 2018 task 3.

    A photograph's label is the column of its row's maximum; a tie is wrong. Every photograph of
    the truth needs exactly one row; all findings are reported at once.

    Args:
        truth: The one-hot CSV, the folder that holds it, or a data root, such as a folder per
            diagnosis.
        prediction: The CSV, or a folder with ``diagnosis.csv``.
        subset: Score only photographs that have both a truth and a prediction, e.g. one fold.
        metadata: CSV with lesions, ages, sexes and sites; by default the official files near
            the truth, where there are any.
        sensitivity: For melanoma, of one of the operating points, in (0, 1].

    Raises:
        DataError: Rows are missing, extra, doubled or unreadable; `problems` lists every one.
        UsageError: A path does not exist.
    """
    known = load_truth(truth, metadata)
    truths = known.table
    predictions = inspect_predictions(prediction)
    missing, extra = compare_ids(truths.image_ids, predictions.table.image_ids)
    problems = list(predictions.problems)
    compared = not subset and bool(predictions.table.image_ids)
    if compared:
        problems += [f"{key!r} has no prediction" for key in missing]
        problems += [f"{key!r} has no truth" for key in extra]
    if problems:
        raise DataError(
            f"{predictions.path} cannot be scored, {summarize(problems)}",
            problems=problems,
            hint="--subset scores only photographs with a prediction"
            if compared and missing
            else None,
        )
    cases = join_tables(truths, predictions.table, known.facts)
    scored = set(truths.image_ids) - set(missing)
    return make_diagnosis_scores(
        cases,
        sensitivity=sensitivity,
        unweighted=sorted(scored - set(cases.image_ids)),
        subset=subset,
        left_out=missing,
        ignored=extra,
    )


def make_diagnosis_scores(
    cases: ClassCases,
    *,
    sensitivity: float = WANTED_SENSITIVITY,
    unweighted: Sequence[str] = (),
    subset: bool = False,
    left_out: Sequence[str] = (),
    ignored: Sequence[str] = (),
) -> DiagnosisScores:
    """Turn probabilities beside true classes into every number of task 3.

    Args:
        cases: Of `nevus.evaluation.class_cases.make_cases`, at least one photograph.
        sensitivity: For melanoma, of one of the operating points, in (0, 1].
        unweighted: As in `DiagnosisScores`.
        subset: As in `DiagnosisScores`.
        left_out: As in `DiagnosisScores`.
        ignored: As in `DiagnosisScores`.
    """
    confusion = cases.count()
    per_class = _score_classes(cases, recall(confusion))
    calibration, reliability = _calibrate(cases)
    curves = {
        name: trace_curve(cases.truth == place, cases.probabilities[:, place], cases.weights)
        for place, name in enumerate(DIAGNOSES)
    }
    return DiagnosisScores(
        cases=cases,
        balanced_accuracy=balanced_accuracy(confusion),
        accuracy=accuracy(confusion),
        per_class=per_class,
        macro=_average_classes(per_class),
        confusion=confusion,
        calibration=calibration,
        reliability=reliability,
        curves=curves,
        melanoma_points=tuple(_find_points(cases, curves[DIAGNOSES[_MELANOMA]], sensitivity)),
        ci95=find_confusion_intervals(cases),
        by_group=score_groups(cases),
        unit=name_unit(cases),
        units=int(np.unique(cases.units).size),
        unweighted=tuple(unweighted),
        warnings=tuple(_find_warnings(cases)),
        subset=subset,
        left_out=tuple(left_out),
        ignored=tuple(ignored),
    )


def write_class_csv(path: Path, scores: DiagnosisScores) -> None:
    """Write one row per photograph that counts: truth, label, probability of the truth, right.

    Raises:
        DiskFullError: No space is left.
        UsageError: The folder does not exist or cannot be written.
    """
    cases = scores.cases
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image_id", "truth", "predicted", "probability_of_truth", "right"])
    for place, image_id in enumerate(cases.image_ids):
        truth, label = int(cases.truth[place]), int(cases.labels[place])
        predicted = "undecided" if label == UNDECIDED else DIAGNOSES[label]
        given = float(cases.probabilities[place, truth])
        writer.writerow(
            [guard_cell(image_id), DIAGNOSES[truth], predicted, given, int(truth == label)]
        )
    write_result(path, stream.getvalue().encode(errors="backslashreplace"))


def _score_classes(
    cases: ClassCases, shares: npt.NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    units = count_units(cases)
    return {
        name: {
            "n": int((cases.truth == place).sum()),
            "units": int(units[place]),
            "recall": float(shares[place]),
            **score_class(cases.truth == place, cases.probabilities[:, place], cases.weights),
        }
        for place, name in enumerate(DIAGNOSES)
    }


def _average_classes(per_class: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    columns = {
        name: np.array([values[name] for values in per_class.values()]) for name in CLASS_METRICS
    }
    return {
        name: float(column[~np.isnan(column)].mean()) if (~np.isnan(column)).any() else float("nan")
        for name, column in columns.items()
    }


def _calibrate(cases: ClassCases) -> tuple[dict[str, float], Reliability]:
    shares, truth, weights = normalize(cases.probabilities), cases.truth, cases.weights
    reliability = measure_reliability(shares, truth, weights)
    return {
        "ece": reliability.error,
        "adaptive_ece": measure_reliability(shares, truth, weights, adaptive=True).error,
        "classwise_ece": classwise_error(shares, truth, weights),
        "nll": negative_log_likelihood(shares, truth, weights),
        "brier": brier_score(shares, truth, weights),
    }, reliability


def _find_points(
    cases: ClassCases, curve: Curve | None, sensitivity: float
) -> Iterator[MelanomaPoint]:
    if curve is None:
        return
    positive = cases.truth == _MELANOMA
    for wanted in sorted({*_SENSITIVITIES, sensitivity}):
        point = find_operating_point(curve, wanted)
        called = cases.probabilities[:, _MELANOMA] >= point.threshold
        yield MelanomaPoint(
            wanted=wanted,
            point=point,
            ci95={
                "sensitivity": find_share_interval(cases, positive, called),
                "specificity": find_share_interval(cases, ~positive, ~called),
            },
        )


def _find_warnings(cases: ClassCases) -> Iterator[str]:
    tied = int((cases.labels == UNDECIDED).sum())
    if tied:
        yield f"{tied} of {cases.n} photographs have two highest classes, which counts as wrong"
    sums = cases.probabilities.sum(axis=1)
    odd = int((np.abs(sums - 1.0) > _SUM_TOLERANCE).sum())
    if odd:
        yield (
            f"{odd} of {cases.n} rows do not add up to 1; calibration is that of rows divided by "
            "their sums"
        )
    absent = [name for place, name in enumerate(DIAGNOSES) if not (cases.truth == place).any()]
    if absent:
        yield f"the truth holds no {', '.join(absent)}: balanced accuracy is over the others"
