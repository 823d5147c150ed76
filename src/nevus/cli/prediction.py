"""`nevus predict`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nevus.errors import SomeInputsFailedError, UsageError
from nevus.labels import NOTICE, TASKS

if TYPE_CHECKING:
    from nevus.cli.members import Members
    from nevus.inference.inputs import Failure


_OPTIONS = {
    "segmentation": ("--steps",),
    "attributes": ("--fitted-for",),
    "diagnosis": ("--by", "--similar"),
}
"""What each task has for itself."""


def predict(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="segmentation, attributes or diagnosis")
    ],
    images: Annotated[list[Path], typer.Option(help="Folder or photograph; repeatable.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint; several make an ensemble (mean).")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(help="Instead: a folder that nevus export wrote, or `packaged` (no torch)."),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(help="A run's split.json: only its validation photographs."),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            help="Segmentation: post-processing none, challenge, paper, or a JSON list of steps. "
            "Default: the checkpoint's own."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Diagnosis: logits, gallery or both. Default: the checkpoint's own; models have "
            "one way."
        ),
    ] = None,
    fitted_for: Annotated[
        str | None,
        typer.Option(
            help="Attributes: thresholds fitted for the `pooled` Jaccard, the challenge's score, "
            "or for `each` attribute's own. Default: pooled."
        ),
    ] = None,
    similar: Annotated[
        int | None, typer.Option(min=1, max=100, help="Diagnosis: similar cases to name [5].")
    ] = None,
    flips: Annotated[
        bool | None,
        typer.Option(
            "--flips/--no-flips",
            help="Average over flips. Default: the checkpoint's own; not with --models.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Threads beside the network.")] = 2,
) -> None:
    """Write masks by their official names, or diagnosis.csv with similar.json.

    Attributes: five masks a photograph at the thresholds the (first) checkpoint stores.

    Example: nevus predict segmentation --checkpoint runs/compact/best.safetensors
    --images photos --out masks

    Example: nevus predict diagnosis --models packaged --images photos --out diagnoses

    Files that cannot be read are listed in errors.csv; the exit code is then 3.
    """
    from nevus.cli.members import Members
    from nevus.cli.predicted import PredictionFolder
    from nevus.imaging.files import find_images

    _check_task(task, segmentation=(steps,), attributes=(fitted_for,), diagnosis=(by, similar))
    if len(models or ()) > 1:
        raise UsageError(
            "--models takes one folder",
            hint="an ensemble: several --checkpoint, or nevus join and nevus export",
        )
    photographs = choose_photographs(find_images(images), split, images)
    members = Members(tuple(checkpoint or ()), models[0] if models else None, flips, device)
    _warn_of_training_photographs(members, photographs, split)
    folder = PredictionFolder(out, task, photographs)
    folder.claim(members.names())
    if task == "segmentation":
        failures = _predict_masks(members, photographs, out, read_steps(steps), workers)
    elif task == "attributes":
        kind = _read_choice("--fitted-for", fitted_for or "pooled", ("pooled", "each"))
        failures = _predict_attributes(members, photographs, out, kind, workers)
    else:
        way = by and _read_choice("--by", by, ("logits", "gallery", "both"))
        failures = _predict_diagnoses(members, photographs, out, way, similar or 5, workers)
    if failures:
        folder.remove(failure.path for failure in failures)
        raise SomeInputsFailedError(
            f"{len(failures)} of {len(photographs)} photographs failed, "
            f"first: {failures[0].text}; all in {out / 'errors.csv'}"
        )


def _predict_masks(
    members: "Members",
    photographs: tuple[Path, ...],
    out: Path,
    chain: tuple[dict[str, Any], ...] | None,
    workers: int,
) -> "list[Failure]":
    from nevus.cli.progress import counting
    from nevus.inference.predictor import Ensemble, predict_folder

    networks, own = members.segmentors()
    typer.echo(NOTICE, err=True)
    with counting("predicting") as progress:
        failures = predict_folder(
            Ensemble(networks),
            photographs,
            out,
            steps=own if chain is None else chain,
            workers=workers,
            progress=progress,
        )
    typer.echo(f"{len(photographs) - len(failures)} masks in {out}")
    return failures


def _predict_attributes(
    members: "Members", photographs: tuple[Path, ...], out: Path, fitted_for: str, workers: int
) -> "list[Failure]":
    from nevus.cli.progress import counting
    from nevus.inference.attribute_predictor import predict_attribute_folder

    networks, rules = members.attributors(fitted_for)
    typer.echo(NOTICE, err=True)
    with counting("predicting") as progress:
        failures = predict_attribute_folder(
            networks, photographs, out, rules=rules, workers=workers, progress=progress
        )
    typer.echo(f"masks of {len(photographs) - len(failures)} photographs in {out}")
    return failures


def _predict_diagnoses(
    members: "Members",
    photographs: tuple[Path, ...],
    out: Path,
    by: str | None,
    similar: int,
    workers: int,
) -> "list[Failure]":
    from nevus.cli.progress import counting
    from nevus.inference.diagnosis_predictor import predict_diagnosis_folder

    networks = members.diagnosers(by, similar)
    typer.echo(NOTICE, err=True)
    with counting("predicting") as progress:
        failures = predict_diagnosis_folder(
            networks, photographs, out, workers=workers, progress=progress
        )
    typer.echo(f"{len(photographs) - len(failures)} rows in {out / 'diagnosis.csv'}")
    return failures


def _read_choice(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageError(f"{option} {value!r} is none of {', '.join(known)}")
    return value


def _check_task(task: str, **own: tuple[object, ...]) -> None:
    """Refuse tasks that are unknown, and options of another task."""
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}", hint=f"one of {', '.join(TASKS)}")
    for other, values in own.items():
        if other != task and any(value is not None for value in values):
            names = " or ".join(_OPTIONS[other])
            raise UsageError(
                f"nevus predict {task} has no use for {names}", hint=f"that is for {other}"
            )


def read_steps(text: str | None) -> tuple[dict[str, Any], ...] | None:
    """Return a post-processing chain from its name or JSON; None for the checkpoint's own.

    Raises:
        UsageError: The text is neither a known name nor a JSON list of objects.
    """
    from nevus.evaluation.csv_rows import shorten
    from nevus.inference.postprocess import CHALLENGE_STEPS, PAPER_STEPS

    named: dict[str, Any] = {"none": (), "challenge": CHALLENGE_STEPS, "paper": PAPER_STEPS}
    if text is None:
        return None
    if text in named:
        return tuple(dict(step) for step in named[text])
    try:
        value = json.loads(text)
    # ValueError: no JSON, or a number of thousands of digits. RecursionError: [[[[[...
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(step, dict) for step in value):
        raise UsageError(
            f"--steps {shorten(text)} is neither none, challenge, paper nor a JSON list",
            hint='--steps \'[{"name": "crf"}, {"name": "largest"}]\'',
        )
    return tuple(value)


def _warn_of_training_photographs(
    members: "Members", photographs: tuple[Path, ...], split: Path | None
) -> None:
    """Say that scores may flatter where packaged models meet photographs of ISIC by name."""
    from nevus.cli.members import PACKAGED

    named = sum(path.stem.startswith("ISIC_") for path in photographs)
    if members.models == PACKAGED and split is None and named:
        typer.echo(
            f"note: {named} photographs are named as ISIC's. The packaged models were trained on "
            "four fifths of ISIC 2018's training photographs: scores on those flatter. "
            "nevus data split gives the fifth they never saw, for --split.",
            err=True,
        )


def choose_photographs(
    found: tuple[Path, ...], split: Path | None, places: Sequence[Path]
) -> tuple[Path, ...]:
    """Return the photographs a split's validation part names, or all without a split.

    Raises:
        UsageError: There are none in `places`, or the split names some that are not there.
        DataError: The file is no split.
    """
    from nevus.data.folds import read_validation_ids
    from nevus.imaging.files import tell_none_found

    if not found:
        hint = "--images takes folders, .jpg and .png"
        raise UsageError(tell_none_found(places), hint=hint)
    if split is None:
        return found
    wanted = read_validation_ids(split)
    chosen = tuple(path for path in found if path.stem in wanted)
    missing = wanted - {path.stem for path in chosen}
    if missing:
        raise UsageError(
            f"{len(missing)} validation photographs are not among --images, such as {min(missing)}"
        )
    return chosen
