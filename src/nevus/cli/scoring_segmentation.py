"""Task 1 of `nevus evaluate` and `nevus submit`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from nevus.cli.findings import print_problems, tell_interval
from nevus.cli.galleries import find_shown, require_gallery_options
from nevus.cli.results import make_table, print_table
from nevus.errors import DataError
from nevus.imaging.cells import on_one_line
from nevus.labels import NOTICE

if TYPE_CHECKING:
    from nevus.evaluation.pages import GalleryItem
    from nevus.evaluation.scores import SegmentationScores


def evaluate_segmentation(
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
    """Score masks; print a table or JSON, write what else was asked for.

    Raises:
        DataError: Files do not match; every finding was printed.
        UsageError: A path does not exist, or --gallery and --images do not come together.
    """
    from nevus.evaluation.scores import score_segmentation, write_csv

    require_gallery_options(gallery, images)
    try:
        scores = score_segmentation(truth, prediction, workers=workers, subset=subset)
    except DataError as error:
        print_problems(error, as_json=as_json)
        raise
    if not any(counts.tp + counts.fn for counts in scores.counts.values()):
        typer.echo(
            "warning: no truth holds a pixel above 128, so that all count as empty; the "
            "challenge's rule takes masks of 0 and 1 for empty ones",
            err=True,
        )
    if csv is not None:
        write_csv(csv, scores)
    if gallery is not None and images is not None:
        _write_cases(gallery, scores, (truth, prediction, images), cases)
    if as_json:
        typer.echo(json.dumps(scores.to_json(), indent=2, allow_nan=False))
    else:
        _print_scores(scores)


def submit_segmentation(
    *,
    prediction: Path,
    out: Path = Path("submission.zip"),
    images: Path | None = None,
    truth_ids: Path | None = None,
) -> None:
    """Check masks and write the zip.

    Raises:
        SubmissionError: The masks would be refused; every finding was printed.
        UsageError: A path does not exist, or options exclude each other.
    """
    from nevus.evaluation.submission import build_submission

    try:
        submission = build_submission(prediction, out, images=images, truth_ids=truth_ids)
    except DataError as error:
        print_problems(error)
        raise
    for warning in submission.warnings:
        typer.echo(f"warning: {on_one_line(warning)}")
    typer.echo(f"{submission.path}: {submission.n} masks, sha256 {submission.sha256}")


def _print_scores(scores: "SegmentationScores") -> None:
    table = make_table(f"segmentation, n = {scores.n}")
    table.add_column("metric")
    table.add_column("mean", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, value in scores.means.items():
        table.add_row(escape(name), f"{value:.4f}", tell_interval(scores.ci95[name]))
    print_table(table)
    if scores.n == 1:
        typer.echo("One photograph tells nothing about spread: no interval.")
    if scores.subset:
        typer.echo(
            f"A subset: photographs without a prediction left out: {len(scores.left_out)}; "
            f"predictions without a truth ignored: {len(scores.ignored)}."
        )
    typer.echo(NOTICE)


def _write_cases(
    path: Path, scores: "SegmentationScores", sources: tuple[Path, Path, Path], number: int
) -> None:
    from nevus.evaluation.pages import pick_cases, write_gallery

    best, middle, worst = pick_cases(scores.per_image, number)
    groups = {"Worst": worst, "Middle": middle, "Best": best}
    items = _load_items(groups, scores, sources)
    write_gallery(path, items, title="Segmentation: worst, middle and best", summary=scores)


def _load_items(
    groups: dict[str, tuple[str, ...]],
    scores: "SegmentationScores",
    sources: tuple[Path, Path, Path],
) -> "Iterator[GalleryItem]":
    from nevus.evaluation.pages import GalleryItem
    from nevus.evaluation.pairs import find_truth_folder, open_masks, pair_masks
    from nevus.imaging.masks import read_scored
    from nevus.imaging.reading import read_image

    truth, prediction, images = sources
    photographs = find_shown(images, groups)
    with open_masks(find_truth_folder(truth)) as left, open_masks(prediction) as right:
        pairs = {pair.image_id: pair for pair in pair_masks(left, right).pairs}
        # One at a time: eighteen photographs of 30 megapixels would fill 1.6 GB.
        for group, key in ((group, key) for group, keys in groups.items() for key in keys):
            yield GalleryItem(
                image_id=key,
                pixels=read_image(photographs[key]).pixels,
                truth=read_scored(pairs[key].truth.open()),
                prediction=read_scored(pairs[key].prediction.open()),
                score=scores.per_image[key]["jaccard"],
                group=group,
            )
