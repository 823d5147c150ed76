"""`nevus predict`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nevus.errors import SomeInputsFailedError, UsageError
from nevus.labels import NOTICE, TASKS


def predict(
    task: Annotated[str, typer.Argument(metavar="TASK", help="segmentation")],
    checkpoint: Annotated[
        list[Path], typer.Option(help="A checkpoint; several make an ensemble (mean of maps).")
    ],
    images: Annotated[list[Path], typer.Option(help="Folder or photograph; repeatable.")],
    out: Annotated[Path, typer.Option(help="Folder for the masks.")],
    split: Annotated[
        Path | None,
        typer.Option(help="A run's split.json: only its validation photographs."),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            help="Post-processing: none, challenge, paper, or a JSON list of steps. "
            "Default: the checkpoint's own."
        ),
    ] = None,
    flips: Annotated[
        bool | None, typer.Option("--flips/--no-flips", help="Average over flips.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Threads beside the network.")] = 2,
) -> None:
    """Write ISIC_..._segmentation.png for each photograph, at its own size.

    Example: nevus predict segmentation --checkpoint runs/compact/best.safetensors
    --images photos --out masks

    Files that cannot be read are listed in errors.csv; the exit code is then 3.
    """
    from nevus.cli.progress import counting
    from nevus.imaging.files import find_images
    from nevus.inference.network import load_network
    from nevus.inference.predictor import Ensemble, predict_folder
    from nevus.training.distributed import choose_device

    require_segmentation(task)
    chain = read_steps(steps)
    photographs = choose_photographs(find_images(images), split)
    chosen = choose_device(device)
    members = [load_network(path, chosen, flips=flips) for path in checkpoint]
    for path, member in zip(checkpoint, members, strict=True):
        if member.task != task:
            raise UsageError(f"{path} is a checkpoint for {member.task}, not {task}")
    typer.echo(NOTICE, err=True)
    with counting("predicting") as progress:
        failures = predict_folder(
            Ensemble(members),
            photographs,
            out,
            steps=members[0].options.steps if chain is None else chain,
            workers=workers,
            progress=progress,
        )
    typer.echo(f"{len(photographs) - len(failures)} masks in {out}")
    if failures:
        raise SomeInputsFailedError(
            f"{len(failures)} of {len(photographs)} photographs failed, "
            f"first: {failures[0].text}; all in {out / 'errors.csv'}"
        )


def require_segmentation(task: str) -> None:
    """Refuse tasks that are unknown or not built yet.

    Raises:
        UsageError: As said.
    """
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}", hint=f"one of {', '.join(TASKS)}")
    if task != "segmentation":
        raise UsageError(f"task {task} is not built yet; only segmentation is")


def read_steps(text: str | None) -> tuple[dict[str, Any], ...] | None:
    """Return a post-processing chain from its name or JSON; None for the checkpoint's own.

    Raises:
        UsageError: The text is neither a known name nor a JSON list of objects.
    """
    from nevus.inference.postprocess import CHALLENGE_STEPS, PAPER_STEPS

    named: dict[str, Any] = {"none": (), "challenge": CHALLENGE_STEPS, "paper": PAPER_STEPS}
    if text is None:
        return None
    if text in named:
        return tuple(dict(step) for step in named[text])
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, list) or not all(isinstance(step, dict) for step in value):
        raise UsageError(
            f"--steps {text!r} is neither none, challenge, paper nor a JSON list",
            hint='--steps \'[{"name": "crf"}, {"name": "largest"}]\'',
        )
    return tuple(value)


def choose_photographs(found: tuple[Path, ...], split: Path | None) -> tuple[Path, ...]:
    """Return the photographs a split's validation part names, or all without a split.

    Raises:
        UsageError: There are none, or the split names some that are not there.
        DataError: The file is no split.
    """
    from nevus.data.folds import read_validation_ids

    if not found:
        raise UsageError("no photographs found", hint="--images takes folders, .jpg and .png")
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
