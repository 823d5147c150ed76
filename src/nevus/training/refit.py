"""Thresholds, temperatures and gallery of a finished run fitted again, weights untouched."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import ValidationError

from nevus.data.cache import Progress, open_cache
from nevus.errors import CheckpointError, DataError, UsageError
from nevus.imaging.views import VIEW_SETS, choose_views
from nevus.models.checkpoint import (
    Checkpoint,
    build_from_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from nevus.recipe import Recipe
from nevus.training.attributes import AttributeWorkload
from nevus.training.diagnosis import DiagnosisWorkload
from nevus.training.distributed import Group, choose_device
from nevus.training.locking import hold
from nevus.training.run import RunFolder
from nevus.training.split import read_split
from nevus.training.train import MATERIALS
from nevus.training.workload import Validation


@dataclass(frozen=True)
class Refitted:
    """A checkpoint whose fitted values are new.

    Attributes:
        path: The checkpoint.
        scores: What validating it gave.
    """

    path: Path
    scores: Mapping[str, float]


def refit(
    run: Path,
    data: Path,
    *,
    split: Path | None = None,
    device: str = "auto",
    views: str | None = None,
    progress: Progress | None = None,
) -> list[Refitted]:
    """Validate a run's checkpoints again and store what that fits.

    For checkpoints of an older nevus that fitted less, and for fitting on other photographs.

    Args:
        run: A run folder.
        data: Its data root.
        split: Whose validation photographs to fit on; default the run's own.
        device: As for training.
        views: Attributes, diagnosis: fit for these `VIEW_SETS` (diagnosis: and all they contain);
            default those the recipe predicts with.
        progress: Called with (done, total) while photographs are decoded.

    Raises:
        CheckpointError: The folder holds no run.
        DataError: The data lacks photographs of the split.
        RunLockedError: A trainer is at work on the run.
        UsageError: There is no such set of views.
    """
    if views is not None and views not in VIEW_SETS:
        raise UsageError(f"views {views!r} is none of {', '.join(VIEW_SETS)}")
    folder = RunFolder(run)
    recipe = read_run_recipe(folder)
    with hold(run):
        return _refit(folder, recipe, data, split, device, views, progress)


def _refit(
    folder: RunFolder,
    recipe: Recipe,
    data: Path,
    split: Path | None,
    device: str,
    views: str | None,
    progress: Progress | None,
) -> list[Refitted]:
    material = MATERIALS[recipe.task](recipe, data)
    cache = open_cache(material.items(), recipe.input.preparation, progress=progress)
    chosen = read_split(split or folder.split)
    missing = set(chosen.training + chosen.validation) - set(cache.image_ids)
    if missing:
        raise DataError(f"{data} lacks {len(missing)} photographs, such as {min(missing)}")
    group = Group(0, 1, choose_device(device))
    workload = material.open(cache, chosen, group)
    if isinstance(workload, AttributeWorkload | DiagnosisWorkload):
        workload.views = VIEW_SETS[views] if views else choose_views(recipe.prediction, None)
    done: list[Refitted] = []
    known: tuple[Checkpoint, Validation] | None = None
    for path in (folder.checkpoint("best"), folder.checkpoint("last")):
        checkpoint = read_checkpoint(path)
        # The best weights are often the last ones, and validating takes minutes.
        if known is None or not _same_weights(known[0], checkpoint):
            network = build_from_checkpoint(checkpoint).to(group.device)
            known = checkpoint, workload.validate(network)
        validation = known[1]
        fitted, extra = dict(validation.fitted), dict(validation.extra)
        write_checkpoint(path, replace(checkpoint, fitted=fitted, extra=extra))
        done.append(Refitted(path, validation.scores))
    return done


def _same_weights(one: Checkpoint, other: Checkpoint) -> bool:
    mine, theirs = one.tensors, other.tensors
    return mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)


def read_run_recipe(folder: RunFolder) -> Recipe:
    """Return the recipe a run was started with.

    Raises:
        CheckpointError: There is no run, or its recipe is of another nevus.
    """
    try:
        manifest = json.loads(folder.manifest.read_text(encoding="utf-8"))
        return Recipe.model_validate(manifest["recipe"])
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise CheckpointError(
            f"{folder.path} holds no run this nevus knows: {type(error).__name__}",
            hint="the folder that `nevus train --out` made",
        ) from error
