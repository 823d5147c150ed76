"""Task 2 of `nevus evaluate` and `nevus submit`."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from nevus.cli.findings import on_one_line, print_problems
from nevus.errors import DataError
from nevus.labels import NOTICE

if TYPE_CHECKING:
    from nevus.evaluation.attribute_scores import AttributeScores


def evaluate_attributes(
    *,
    truth: Path,
    prediction: Path,
    as_json: bool = False,
    csv: Path | None = None,
    subset: bool = False,
    workers: int | None = None,
) -> None:
    """Score five masks a photograph; print a table or JSON, write a CSV if asked for.

    Raises:
        DataError: Files do not match; every finding was printed.
        UsageError: A path does not exist.
    """
    from nevus.evaluation.attribute_scores import score_attributes, write_csv

    try:
        scores = score_attributes(truth, prediction, workers=workers, subset=subset)
    except DataError as error:
        print_problems(error, as_json=as_json)
        raise
    if csv is not None:
        write_csv(csv, scores)
    if as_json:
        typer.echo(json.dumps(scores.to_json(), indent=2, allow_nan=False))
    else:
        _print_scores(scores)


def submit_attributes(
    *,
    prediction: Path,
    out: Path = Path("submission.zip"),
    images: Path | None = None,
    truth_ids: Path | None = None,
) -> None:
    """Check five masks a photograph and write the zip.

    Raises:
        SubmissionError: The masks would be refused; every finding was printed.
        UsageError: A path does not exist, or options exclude each other.
    """
    from nevus.evaluation.attribute_submission import build_attribute_submission

    try:
        submission = build_attribute_submission(prediction, out, images=images, truth_ids=truth_ids)
    except DataError as error:
        print_problems(error)
        raise
    for warning in submission.warnings:
        typer.echo(f"warning: {on_one_line(warning)}")
    typer.echo(
        f"{submission.path}: five masks of {submission.n} photographs, sha256 {submission.sha256}"
    )


def _print_scores(scores: "AttributeScores") -> None:
    table = Table(title=f"attributes, n = {scores.n}", title_justify="left")
    for name in ("score", "value", "95 % interval", "photographs with it"):
        table.add_column(name, justify="left" if name == "score" else "right")
    table.add_row(
        "pooled_jaccard", f"{scores.pooled_jaccard:.4f}", _bounds(scores, "pooled_jaccard")
    )
    table.add_row("pooled_dice", f"{scores.pooled_dice:.4f}", _bounds(scores, "pooled_dice"))
    for name, values in scores.per_attribute().items():
        bounds = _bounds(scores, f"{name}.jaccard")
        table.add_row(name, f"{values['jaccard']:.4f}", bounds, f"{values['photographs']:.0f}")
    Console().print(table)
    if scores.left_out:
        typer.echo(f"A subset: photographs without predictions left out: {len(scores.left_out)}.")
    typer.echo("The challenge's own command line computes task 1's metric for task 2 folders.")
    typer.echo(NOTICE)


def _bounds(scores: "AttributeScores", name: str) -> str:
    low, high = scores.ci95[name]
    return "-" if math.isnan(low) else f"{low:.4f} to {high:.4f}"
