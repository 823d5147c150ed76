"""Runs of one recipe joined into a run folder of their ensemble."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from nevus.errors import CheckpointError
from nevus.imaging.files import write_atomically
from nevus.models.checkpoint import read_checkpoint, write_checkpoint
from nevus.models.joining import join_checkpoints
from nevus.training.run import RunFolder
from nevus.training.split import read_split


def join_runs(runs: Sequence[Path], out: Path, *, name: str = "last") -> Path:
    """Write a run folder with one network made of several runs'; return its checkpoint.

    `nevus refit` then fits thresholds, or draws the gallery and fits temperatures and sets.

    Args:
        runs: Folders of runs of one kind on one split.
        out: A new folder.
        name: Which checkpoint of each: ``last`` or ``best``.

    Raises:
        CheckpointError: `out` exists, a run has no such checkpoint, or they do not fit together.
    """
    target = RunFolder(out)
    if out.exists():
        raise CheckpointError(f"{out} is there already", hint="give another --out")
    folders = [RunFolder(run) for run in runs]
    joined = join_checkpoints([read_checkpoint(one.checkpoint(name)) for one in folders])
    splits = {read_split(one.split) for one in folders}
    if len(splits) > 1:
        raise CheckpointError(
            "the runs have other splits",
            hint="train them with one --split, or no photograph is new to all of them",
        )
    manifest = json.loads(folders[0].manifest.read_text(encoding="utf-8"))
    manifest["recipe"]["network"] = joined.network.model_dump(mode="json")
    out.mkdir(parents=True)
    write_atomically(target.manifest, json.dumps(manifest).encode())
    shutil.copyfile(folders[0].split, target.split)
    for each in ("best", "last"):
        write_checkpoint(target.checkpoint(each), joined)
    return target.checkpoint("last")
