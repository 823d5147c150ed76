"""From a run folder and scores to what is kept of them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nevus.models.checkpoint import read_checkpoint
from nevus.reproduction.commands import render_fold
from nevus.reproduction.jobs import FINISHED, Job, find_image_folders
from nevus.reproduction.results import FoldResult
from nevus.reproduction.scoring import Scored
from nevus.reproduction.trainings import Place, Training
from nevus.training.journal import read_journal
from nevus.training.split import read_split

POINTS = 60
"""A kept training curve has about so many points."""

_NOT_LOSSES = {"step", "epoch", "lr", "skipped"}


def describe_training(place: Place, training: Training, steps: int) -> dict[str, Any]:
    """Return what is kept of a finished training: changes, hours, devices, curve."""
    run = place.run(training)
    sittings = [json.loads(line) for line in _lines(run / "sittings.jsonl")]
    manifest = json.loads((run / "run.json").read_text(encoding="utf-8"))
    split = read_split(run / "split.json")
    entries = read_journal(run / "metrics.jsonl")
    about = read_checkpoint(place.checkpoint(training)).about
    return {
        "name": training.name,
        "key": training.key,
        "recipe": training.recipe_name,
        "changes": list(training.changes),
        "split": training.split,
        "start": training.start.name if training.start else None,
        "seed": training.recipe.training.seed,
        "steps": steps,
        "batch_size": training.recipe.training.batch_size,
        "sittings": len(sittings),
        # A sitting that was killed left no line, but its last state knows of its hours.
        "hours": round(max(sum(one["seconds"] for one in sittings) / 3600, about["hours"]), 4),
        "devices": sorted({one["machine"]["device"] for one in sittings}),
        "threads": manifest["threads"],
        "machine": sittings[-1]["machine"] if sittings else {},
        "training_photographs": len(split.training),
        "validation_photographs": len(split.validation),
        "cache_key": manifest["data"]["key"],
        "curve": thin_curve(entries),
        "validation": next((e for e in reversed(entries) if e.get("validation")), None),
    }


def make_result(
    job: Job, place: Place, scored: Scored, seconds: float, machine: dict[str, Any]
) -> FoldResult:
    """Return what is kept of a row on a fold."""
    trained = {
        training.key: json.loads((place.run(training) / FINISHED).read_text(encoding="utf-8"))
        for training in job.chain
    }
    own = trained[job.trainings[0].key]
    return FoldResult(
        table=job.table.name,
        row=job.row.name,
        scale=job.trainings[0].scale,
        fold=job.fold,
        key=job.key,
        recipe_key=job.recipe_key,
        n=len(scored.arrays["image_ids"]),
        value=scored.value,
        training_photographs=own["training_photographs"],
        validation_photographs=own["validation_photographs"],
        hours={
            "training": round(sum(one["hours"] for one in trained.values()), 4),
            "predicting": round(seconds / 3600, 4),
        },
        machine=machine,
        trainings=tuple(trained.values()),
        prediction=job.row.model_dump(mode="json", include={"steps", "by", "per_class"}),
        data={"cache_key": own["cache_key"]},
        commands=render_fold(job, find_image_folders(job.table.task, place.data)),
    )


def thin_curve(entries: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the loss terms of steps, averaged to about `POINTS` points each.

    Returns:
        ``step``: the last step of each stretch; each other key a loss term's mean over it.
    """
    rows = [e for e in entries if "validation" not in e and "skipped" not in e and "step" in e]
    names = sorted({name for row in rows for name in row} - _NOT_LOSSES)
    length = max(len(rows) // POINTS, 1)
    curve: dict[str, list[Any]] = {"step": [], **{name: [] for name in names}}
    for begin in range(0, len(rows), length):
        stretch = rows[begin : begin + length]
        curve["step"].append(int(stretch[-1]["step"]))
        for name in names:
            known = [row[name] for row in stretch if isinstance(row.get(name), float | int)]
            curve[name].append(round(sum(known) / len(known), 6) if known else None)
    return curve


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
