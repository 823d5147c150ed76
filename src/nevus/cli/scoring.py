"""`nevus evaluate` and `nevus submit`: each hands its options to the task they belong to."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from nevus.cli.scoring_attributes import evaluate_attributes, submit_attributes
from nevus.cli.scoring_diagnosis import evaluate_diagnosis, submit_diagnosis
from nevus.cli.scoring_segmentation import evaluate_segmentation, submit_segmentation
from nevus.cli.targets import check_target
from nevus.errors import SubmissionError, UsageError
from nevus.labels import TASKS

EVALUATORS: dict[str, Callable[..., None]] = {
    "segmentation": evaluate_segmentation,
    "attributes": evaluate_attributes,
    "diagnosis": evaluate_diagnosis,
}
"""task -> function whose keywords are the options `nevus evaluate` takes for that task."""

SUBMITTERS: dict[str, Callable[..., None]] = {
    "segmentation": submit_segmentation,
    "attributes": submit_attributes,
    "diagnosis": submit_diagnosis,
}
"""task -> function whose keywords are the options `nevus submit` takes for that task."""

TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help=" or ".join(EVALUATORS))]


def evaluate(
    task: TaskArgument,
    truth: Annotated[
        Path,
        typer.Option(
            help="Truth: folder or zip of masks, a CSV, or a data root as nevus train takes it."
        ),
    ],
    prediction: Annotated[Path, typer.Option(help="Folder or zip of masks, or the CSV.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write one row per photograph.")] = None,
    subset: Annotated[
        bool, typer.Option("--subset", help="Score only photographs with a prediction.")
    ] = False,
    gallery: Annotated[
        Path | None,
        typer.Option(
            help="segmentation, attributes: write an HTML page of best, middle and worst cases."
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="segmentation, attributes: folder of the photographs, for --gallery."),
    ] = None,
    cases: Annotated[
        int | None,
        typer.Option(
            min=1, max=200, help="segmentation, attributes: of each kind, for --gallery; default 6."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="segmentation, attributes: threads that decode; default one per core.",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="diagnosis: write an HTML page of confusion, calibration and ROC."),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(help="diagnosis: CSV of image_id, lesion_id, age, sex, localization."),
    ] = None,
    sensitivity: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1.0, help="diagnosis: for melanoma, of the operating point; default 0.9."
        ),
    ] = None,
) -> None:
    """Score predictions with the challenge's own numbers, with n and 95 % intervals.

    Example: nevus evaluate segmentation --truth GroundTruth --prediction masks --json

    Example: nevus evaluate attributes --truth data --prediction masks --subset --json

    Example: nevus evaluate diagnosis --truth data --prediction diagnosis.csv --page scores.html

    One folder holds one task's predictions, as nevus predict writes them and challenges take them;
    the results of nevus analyze are none.

    Attributes are scored as task 2 was ranked: the Jaccard of pixel shares summed over
    photographs and attributes. Beware of the challenge's own command line: it takes task 2's
    folders without complaint and prints task 1's metric, a mean over single masks. Task 2's
    metric stands only in its library (isic_challenge_scoring.task2).
    """
    reads = (truth, prediction, metadata)
    check_target("--csv", csv, ".csv", reads=reads)
    for name, shown in (("--gallery", gallery), ("--page", page)):
        check_target(name, shown, ".html", ".htm", reads=reads)
    options = {"truth": truth, "prediction": prediction, "as_json": as_json, "csv": csv}
    options |= {"subset": subset, "gallery": gallery, "images": images, "cases": cases}
    options |= {"workers": workers, "page": page, "metadata": metadata, "sensitivity": sensitivity}
    _hand_over("evaluate", EVALUATORS, task, options)


def submit(
    task: TaskArgument,
    prediction: Annotated[
        Path, typer.Option(help="Folder of masks named as the challenge asks, or the CSV.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="What to write; default submission.zip, for diagnosis submission.csv."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the photographs: tells ids and sizes.")
    ] = None,
    truth_ids: Annotated[
        Path | None, typer.Option(help="Or a text file with one image_id a line.")
    ] = None,
) -> None:
    """Check predictions as strictly as the challenge needs and write the file to upload.

    Example: nevus submit segmentation --prediction masks --images TestInput --out submission.zip

    Example: nevus submit attributes --prediction masks --images TestInput --out submission.zip

    Example: nevus submit diagnosis --prediction diagnosis.csv --images Test --out submission.csv
    """
    check_target("--out", out, reads=(prediction, truth_ids))
    options = {"prediction": prediction, "out": out, "images": images, "truth_ids": truth_ids}
    try:
        _hand_over("submit", SUBMITTERS, task, options)
    except SubmissionError:
        earlier = out or Path("submission.csv" if task == "diagnosis" else "submission.zip")
        if earlier.is_file():
            typer.echo(f"warning: {earlier} is of an earlier call and was left as it is", err=True)
        raise


def _hand_over(
    verb: str,
    functions: Mapping[str, Callable[..., None]],
    task: str,
    options: Mapping[str, object],
) -> None:
    """Call the task's function with the options that were given, or refuse those it lacks."""
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}", hint=f"one of {', '.join(TASKS)}")
    accepted = inspect.signature(functions[task]).parameters
    given = {
        name: value for name, value in options.items() if value is not None and value is not False
    }
    foreign = [_spell(name) for name in given if name not in accepted]
    if foreign:
        raise UsageError(
            f"nevus {verb} {task} has no use for {', '.join(foreign)}",
            hint=f"it takes {', '.join(map(_spell, accepted))}",
        )
    functions[task](**given)


def _spell(name: str) -> str:
    return f"--{name.removeprefix('as_').replace('_', '-')}"
