"""Task 2 of `nevus evaluate` and `nevus submit`."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nevus.cli.findings import print_problems, tell_interval
from nevus.cli.galleries import find_shown, require_gallery_options
from nevus.cli.results import make_table, print_table
from nevus.errors import DataError
from nevus.imaging.cells import on_one_line
from nevus.labels import ATTRIBUTES, NOTICE

if TYPE_CHECKING:
    from nevus.evaluation.attribute_pages import AttributeItem
    from nevus.evaluation.attribute_scores import AttributeScores


def evaluate_attributes(
    *,
    truth: Path,
    prediction: Path,
    as_json: bool = False,
    csv: Path | None = None,
    subset: bool = False,
    gallery: Path | None = None,
    images: Path | None = None,
    cases: int = 6,
    workers: int | None = None,
) -> None:
    """Score five masks a photograph; print a table or JSON, write what else was asked for.

    Raises:
        DataError: Files do not match; every finding was printed.
        UsageError: A path does not exist, or --gallery and --images do not come together.
    """
    from nevus.evaluation.attribute_scores import score_attributes, write_csv

    require_gallery_options(gallery, images)
    try:
        scores = score_attributes(truth, prediction, workers=workers, subset=subset)
    except DataError as error:
        print_problems(error, as_json=as_json)
        raise
    if csv is not None:
        write_csv(csv, scores)
    if gallery is not None and images is not None:
        _write_cases(gallery, scores, (truth, prediction, images), cases)
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
    table = make_table(f"attributes, n = {scores.n}")
    columns = ["score", "value", "95 % interval", "Dice", "with it"]
    if scores.likely is not None:
        columns += ["AUC", "AP"]
    for name in columns:
        whole = name in ("score", "95 % interval")  # on a narrow terminal, headings break first
        table.add_column(name, justify="left" if name == "score" else "right", no_wrap=whole)
    for name, value in (("jaccard", scores.pooled_jaccard), ("dice", scores.pooled_dice)):
        table.add_row(
            f"pooled_{name}", f"{value:.4f}", tell_interval(scores.ci95[f"pooled_{name}"])
        )
    for name, values in scores.per_attribute().items():
        cells = [f"{values['jaccard']:.4f}", tell_interval(scores.ci95[f"{name}.jaccard"])]
        cells += [f"{values['dice']:.4f}", f"{values['photographs']:.0f}"]
        if scores.likely is not None:
            cells += [_number(values["auc"]), _number(values["average_precision"])]
        table.add_row(name, *cells)
    print_table(table)
    presence = "" if scores.likely is None else " AUC and AP (average precision) are of presence."
    typer.echo(f"with it: photographs that have the attribute.{presence}")
    if scores.n == 1:
        typer.echo("One photograph tells nothing about spread: no interval.")
    if scores.left_out:
        typer.echo(f"A subset: photographs without predictions left out: {len(scores.left_out)}.")
    typer.echo("The challenge's own command line computes task 1's metric for task 2 folders.")
    typer.echo(NOTICE)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _write_cases(
    path: Path, scores: "AttributeScores", sources: tuple[Path, Path, Path], number: int
) -> None:
    from nevus.evaluation.attribute_pages import pick_attribute_cases, write_attribute_page

    items = _load_items(pick_attribute_cases(scores, number), sources)
    write_attribute_page(path, items, title="Attributes: truth and prediction", summary=scores)


def _load_items(
    groups: Mapping[str, tuple[str, ...]], sources: tuple[Path, Path, Path]
) -> "Iterator[AttributeItem]":
    from nevus.evaluation.attribute_pages import AttributeItem
    from nevus.evaluation.attribute_pairs import find_attribute_truth, pair_attributes
    from nevus.evaluation.pairs import open_masks
    from nevus.imaging.masks import read_scored
    from nevus.imaging.reading import read_image

    truth, prediction, images = sources
    photographs = find_shown(images, groups)
    with open_masks(find_attribute_truth(truth)) as left, open_masks(prediction) as right:
        pairing = pair_attributes(left, right, subset=True)
        # One at a time: eighteen photographs of 30 megapixels would fill 1.6 GB.
        for group, key in ((group, key) for group, keys in groups.items() for key in keys):
            yield AttributeItem(
                image_id=key,
                pixels=read_image(photographs[key]).pixels,
                truth=[read_scored(pairing.truths[key, name].open()) for name in ATTRIBUTES],
                prediction=[
                    read_scored(pairing.predictions[key, name].open()) for name in ATTRIBUTES
                ],
                group=group,
            )
