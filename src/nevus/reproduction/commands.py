"""The commands that give a row's number, to be run as they stand in a shell."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from nevus.reproduction.jobs import Job
from nevus.reproduction.trainings import Place, Training

DATA = Path("isic2018")
OUT = Path("reproduced")
"""What printed commands call the data root and the folder of results."""

Lines = Mapping[str, Sequence[str]]


def render_fold(
    job: Job, images: Sequence[PurePath], *, place: Place | None = None
) -> dict[str, list[str]]:
    """Return the lines that train a row on one fold, and those that predict its photographs.

    Args:
        job: The row on the fold.
        images: Folders of photographs below the data root.
        place: Paths to print; default `DATA` and `OUT`.

    Returns:
        ``train`` and ``predict``. A line that trains what is trained already does nothing.
    """
    place = place or Place(DATA, OUT)
    trained = [line for training in job.chain for line in _train(training, place)]
    return {"train": trained, "predict": _predict(job, images, place)}


def render_row(
    task: str, row: str, folds: Sequence[tuple[tuple[int, int], Lines]], *, out: Path = OUT
) -> str:
    """Return one command that ends with printing a row's number, of all folds' photographs.

    Args:
        task: The row's.
        row: ``table-row-scale``, as its folders are called.
        folds: Each fold's (k, n) and its `render_fold`.
        out: The folder of results, as it was rendered.
    """
    lines = [line for _, lines in folds for line in lines["train"]]
    lines += [line for _, lines in folds for line in lines["predict"]]
    lines += _evaluate(task, out / "predictions" / row, [fold for fold, _ in folds])
    # Rows of an ensemble share what they train.
    return " &&\n".join(dict.fromkeys(lines))


def _train(training: Training, place: Place) -> list[str]:
    lines = []
    parts = ["nevus", "train", training.recipe_name, "--data", place.data]
    parts += ["--out", place.run(training)]
    fold = "/".join(map(str, training.fold))
    if training.split == "grouped":
        parts += ["--fold", fold]
    else:
        folder = place.split(training)
        make = ["nevus", "reproduce", "split", training.split, training.recipe.task]
        lines.append(_join([*make, "--data", place.data, "--fold", fold, "--out", folder]))
        parts += ["--split", folder / "training.json"]
    for change in training.overrides(place):
        parts += ["--set", change]
    parts += ["--validate-epochs", training.validate_epochs, "--resume"]
    return [*lines, _join(parts)]


def _predict(job: Job, images: Sequence[PurePath], place: Place) -> list[str]:
    lines = []
    parts: list[object] = ["nevus", "predict", job.table.task]
    for training in job.trainings:
        path = place.checkpoint(training)
        if job.row.per_class:
            small = place.gallery(training, job.row.per_class)
            make = ["nevus", "reproduce", "gallery", path, "--per-class", job.row.per_class]
            make += ["--seed", training.recipe.training.seed, "--out", small]
            lines.append(_join(make))
            path = small
        parts += ["--checkpoint", path]
    for folder in images:
        parts += ["--images", place.data / folder]
    parts += ["--split", place.scored(job.trainings[0])]
    if job.table.task == "segmentation":
        parts += ["--steps", render_steps(job)]
    if job.row.by:
        parts += ["--by", job.row.by]
    alone = job.predictions(place.out)
    together = alone.with_name(job.folder)
    lines.append(_join([*parts, "--out", alone if job.table.task == "diagnosis" else together]))
    return lines


def render_steps(job: Job) -> str:
    """Return a row's post-processing as ``--steps`` takes it."""
    steps = job.row.steps
    return steps if isinstance(steps, str) else json.dumps(list(steps))


def _evaluate(task: str, together: Path, folds: Sequence[tuple[int, int]]) -> list[str]:
    lines = []
    if task == "diagnosis":
        lines.append(_join(["mkdir", "-p", together]))
        alone = [together.with_name(f"{together.name}-{k}of{n}") for k, n in folds]
        tables = [_join([folder / "diagnosis.csv"]) for folder in alone]
        rest = "".join(f" tail -n +2 {table};" for table in tables[1:])
        whole = _join([together / "diagnosis.csv"])
        lines.append(f"{{ cat {tables[0]};{rest} }} > {whole}")
    if task == "attributes":
        # The file tells of the last fold's photographs only, the folder holds all folds' masks.
        lines.append(_join(["rm", "-f", together / "presences.json"]))
    data: list[object] = ["nevus", "evaluate", task, "--truth", DATA, "--prediction", together]
    return [*lines, _join([*data, "--subset", "--json"])]


def _join(parts: Sequence[object]) -> str:
    texts = [part.as_posix() if isinstance(part, PurePath) else str(part) for part in parts]
    return shlex.join(texts)
