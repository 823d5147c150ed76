"""Task 3 of `nevus evaluate` and `nevus submit`."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from nevus.cli.findings import print_problems, tell_interval
from nevus.cli.results import make_table, print_table
from nevus.errors import DataError
from nevus.imaging.cells import on_one_line
from nevus.labels import NOTICE

if TYPE_CHECKING:
    from nevus.evaluation.class_results import DiagnosisScores

_SHOWN = ("auc", "ap")


def evaluate_diagnosis(
    *,
    truth: Path,
    prediction: Path,
    as_json: bool = False,
    csv: Path | None = None,
    subset: bool = False,
    page: Path | None = None,
    metadata: Path | None = None,
    sensitivity: float = 0.9,
) -> None:
    """Score a CSV of probabilities; print tables or JSON, write what else was asked for.

    Raises:
        DataError: Rows do not match; every finding was printed.
        UsageError: A path does not exist.
    """
    from nevus.evaluation.class_pages import write_class_page
    from nevus.evaluation.class_scores import score_diagnosis, write_class_csv

    try:
        scores = score_diagnosis(
            truth, prediction, subset=subset, metadata=metadata, sensitivity=sensitivity
        )
    except DataError as error:
        print_problems(error, as_json=as_json)
        raise
    if csv is not None:
        write_class_csv(csv, scores)
    if page is not None:
        write_class_page(page, scores, title=f"Diagnosis: {prediction.name}")
    if as_json:
        typer.echo(json.dumps(scores.to_json(), indent=2, allow_nan=False))
    else:
        _print_scores(scores)


def submit_diagnosis(
    *,
    prediction: Path,
    out: Path = Path("submission.csv"),
    images: Path | None = None,
    truth_ids: Path | None = None,
) -> None:
    """Check a CSV of probabilities and write the one to upload.

    Raises:
        SubmissionError: The CSV would be refused; every finding was printed.
        UsageError: A path does not exist, or options exclude each other.
    """
    from nevus.evaluation.class_submission import build_class_submission

    try:
        submission = build_class_submission(prediction, out, images=images, truth_ids=truth_ids)
    except DataError as error:
        print_problems(error)
        raise
    for warning in submission.warnings:
        typer.echo(f"warning: {on_one_line(warning)}")
    typer.echo(f"{submission.path}: {submission.n} rows, sha256 {submission.sha256}")


def _print_scores(scores: "DiagnosisScores") -> None:
    print_table(_make_summary(scores))
    print_table(_make_class_table(scores))
    for one in scores.melanoma_points:
        typer.echo(
            f"melanoma at sensitivity {one.point.sensitivity:.3f} (wanted {one.wanted:g}): "
            f"specificity {one.point.specificity:.3f} "
            f"({tell_interval(one.ci95['specificity'])}), threshold {one.point.threshold:.4g}"
        )
    if scores.units == 1:
        typer.echo(f"One {scores.unit} tells nothing about spread: no interval.")
    else:
        typer.echo(f"Intervals: {scores.units} units drawn class by class; unit: {scores.unit}.")
    if scores.calibration:
        typer.echo("Calibration errors have none: drawing again makes them larger.")
    if scores.unweighted:
        typer.echo(f"Weighs nothing: {on_one_line(', '.join(scores.unweighted))}")
    for warning in scores.warnings:
        typer.echo(f"warning: {warning}")
    if scores.subset:
        typer.echo(
            f"A subset: photographs without a prediction left out: {len(scores.left_out)}; "
            f"predictions without a truth ignored: {len(scores.ignored)}."
        )
    typer.echo(NOTICE)


def _make_summary(scores: "DiagnosisScores") -> Table:
    table = make_table(f"diagnosis, n = {scores.n}")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, value in (
        ("balanced_accuracy", scores.balanced_accuracy),
        ("accuracy", scores.accuracy),
    ):
        table.add_row(name, f"{value:.4f}", tell_interval(scores.ci95[name]))
    for name, value in scores.calibration.items():
        table.add_row(name, f"{value:.4f}", "-")
    return table


def _make_class_table(scores: "DiagnosisScores") -> Table:
    table = make_table()
    table.add_column("class")
    for name in ("n", "recall", "95 % interval", *_SHOWN):
        table.add_column(name, justify="right")
    for name, values in scores.per_class.items():
        table.add_row(
            name,
            f"{values['n']:g}",
            _tell(values["recall"]),
            tell_interval(scores.ci95[f"recall_{name}"]),
            *(_tell(values[metric]) for metric in _SHOWN),
        )
    return table


def _tell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
