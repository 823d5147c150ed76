"""`nevus train`: from a recipe and a data folder to checkpoints."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nevus.data.cache import Cache, Progress, open_cache
from nevus.errors import DataError, RecipeError, TrainingError
from nevus.imaging.files import write_atomically
from nevus.recipe import Recipe
from nevus.training.attributes import AttributeMaterial
from nevus.training.diagnosis import DiagnosisMaterial
from nevus.training.distributed import Group, join_group
from nevus.training.journal import Journal, Reporter, SilentReporter
from nevus.training.learners import LEARNERS, build_learner
from nevus.training.loop import Loop, Schedule
from nevus.training.publishing import make_hooks
from nevus.training.run import RunFolder, locked, make_manifest, open_run, refuse_second_start
from nevus.training.segmentation import SegmentationMaterial
from nevus.training.signals import StopRequest, listening
from nevus.training.split import Split, read_split, split_digest
from nevus.training.state import RunState, find_states, load_state
from nevus.training.workload import Material, Workload

FEW_STEPS = 300
"""Below so many steps a run is told to be short, with the epochs for `ENOUGH_STEPS`."""
ENOUGH_STEPS = 800


@dataclass(frozen=True)
class TrainOptions:
    """Where a run takes place and how it is interrupted.

    Attributes:
        data: Data root.
        out: Run folder.
        fold: (k, n): fold k of n validates; None: everything trains, nothing validates.
        split: A split.json to use instead of `fold`, for example another run's.
        resume: Go on with the run in `out`.
        allow_changes: Resume although recipe or data differ; the fold or split must not.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.
        max_minutes: Stop cleanly after so long.
        save_minutes: Minutes between states within an epoch.
        save_steps: Steps between states, besides; 0 for none.
        validate_epochs: Epochs between validations.
        stop_epoch: Validate and stop cleanly after this epoch; 0 for none.
        validate_at_stop: Where `max_minutes` stops the run, validate and write checkpoints.
    """

    data: Path
    out: Path
    fold: tuple[int, int] | None = (0, 5)
    split: Path | None = None
    resume: bool = False
    allow_changes: bool = False
    device: str = "auto"
    max_minutes: float | None = None
    save_minutes: float = 5.0
    save_steps: int = 0
    validate_epochs: int = 1
    stop_epoch: int = 0
    validate_at_stop: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a sitting ended.

    Attributes:
        finished: Whether the run is complete.
        step: Steps done.
        total: Steps in all.
        best: Best validation metric so far, if any.
        signal_number: The signal that stopped it, 0 for none.
        folder: The run folder.
    """

    finished: bool
    step: int
    total: int
    best: float | None
    signal_number: int
    folder: Path


MATERIALS: dict[str, Callable[[Recipe, Path], Material]] = {
    "segmentation": SegmentationMaterial,
    "attributes": AttributeMaterial,
    "diagnosis": DiagnosisMaterial,
}
"""Each value: ``(recipe, data root) -> Material``, by task."""


def train(
    recipe: Recipe,
    options: TrainOptions,
    *,
    reporter: Reporter | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Train a recipe, from the start or from where it stopped.

    Args:
        recipe: See `nevus.recipe`.
        options: Data, folder, limits.
        reporter: Who watches.
        progress: Called with (done, total) while photographs are decoded.

    Raises:
        NevusError: As its subclasses say: data, recipe, weights, disk, lock.
    """
    folder = RunFolder(options.out)
    watcher = reporter or SilentReporter()
    with (
        join_group(options.device) as group,
        locked(folder) if group.is_first else nullcontext(),
    ):
        return _train(recipe, options, folder, group, watcher, progress)


def _train(
    recipe: Recipe,
    options: TrainOptions,
    folder: RunFolder,
    group: Group,
    reporter: Reporter,
    progress: Progress | None,
) -> Outcome:
    _require_known("learner", recipe.learner, LEARNERS)
    _require_known("task", recipe.task, MATERIALS)
    if recipe.network.members > 1:
        raise RecipeError(
            "networks side by side cannot be trained together",
            hint="train each with network.members=1, then nevus join",
        )
    if group.is_first and not options.resume:
        refuse_second_start(folder)
    if options.resume and not find_states(folder.state):
        reporter.noted(f"nothing to go on with in {folder.path}: starting afresh")
    cache, split, workload = _open_data(recipe, options, folder, group, progress)
    manifest = _open_manifest(recipe, options, folder, group, cache, split, reporter.noted)
    # Sums in another order are not the same bits: a resumed run keeps its thread count.
    torch.set_num_threads(int(manifest["threads"]))
    learner = build_learner(recipe, group, workload)
    state = (load_state(folder.state, learner) if options.resume else None) or RunState()
    learner.guard.load(state.extra)
    schedule = _make_schedule(recipe, options, workload)
    if not state.step:
        _warn_of_few_steps(schedule, reporter)
    hooks = make_hooks(recipe, folder, workload, split, fold=manifest["data"]["fold"])
    watcher = reporter if group.is_first else SilentReporter()
    stop = StopRequest(options.max_minutes)
    opened = Journal(folder.journal, step=state.step) if group.is_first else nullcontext()
    with opened as journal, listening(stop):
        loop = Loop(
            learner, group, schedule, hooks, folder=folder.state, journal=journal, reporter=watcher
        )
        finished = loop.run(workload.batches(learner, state.step), state, stop)
    return Outcome(
        finished, state.step, schedule.total, state.best, stop.signal_number, options.out
    )


def _warn_of_few_steps(schedule: Schedule, reporter: Reporter) -> None:
    """Say where a run is too short for its recipe, as it is on a few dozen photographs."""
    if schedule.total < FEW_STEPS:
        epochs = math.ceil(ENOUGH_STEPS / schedule.steps_per_epoch)
        reporter.noted(
            f"only {schedule.total} steps in all, few for any network: --set "
            f"training.epochs={epochs} would give about {ENOUGH_STEPS}"
        )


def _require_known(what: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise RecipeError(f"no {what} {name!r}; one of {', '.join(known)}")


def _open_data(
    recipe: Recipe,
    options: TrainOptions,
    folder: RunFolder,
    group: Group,
    progress: Progress | None,
) -> tuple[Cache, Split, Workload]:
    material = MATERIALS[recipe.task](recipe, options.data)
    items, preparation = material.items(), recipe.input.preparation
    split_path = folder.split
    if group.is_first:
        cache = open_cache(items, preparation, progress=progress)
        # A start that came to no state leaves a split behind, perhaps of another fold.
        if not (split_path.is_file() and find_states(folder.state)):
            split = read_split(options.split) if options.split else material.split(options.fold)
            write_atomically(split_path, json.dumps(vars(split)).encode())
    group.wait()
    if not group.is_first:
        cache = open_cache(items, preparation)
    split = read_split(split_path)
    missing = set(split.training + split.validation) - set(cache.image_ids)
    if missing:
        raise DataError(
            f"{split_path} names {len(missing)} photographs that {options.data} lacks, such as "
            f"{min(missing)}",
            hint="give the data the run was started with, or another --out",
        )
    return cache, split, material.open(cache, split, group)


def _open_manifest(
    recipe: Recipe,
    options: TrainOptions,
    folder: RunFolder,
    group: Group,
    cache: Cache,
    split: Split,
    note: Callable[[str], None],
) -> dict[str, Any]:
    wanted = read_split(options.split) if options.split else split
    if set(wanted.training) != set(split.training):
        raise TrainingError(
            f"{options.split} trains on other photographs than {folder.split}",
            hint="start a new run folder with another --out",
        )
    data = {
        "key": cache.key,
        "fold": _tell_fold(options),
        "split": split_digest(wanted),
        "training": len(split.training),
        "validation": len(split.validation),
    }
    manifest = make_manifest(
        recipe, data=data, world_size=group.world_size, device=str(group.device)
    )
    if group.is_first:
        manifest = open_run(folder, manifest, allow_changes=options.allow_changes, note=note)
    group.wait()
    return manifest


def _make_schedule(recipe: Recipe, options: TrainOptions, workload: Workload) -> Schedule:
    return Schedule(
        steps_per_epoch=workload.plan.steps_per_epoch,
        total=workload.plan.total,
        seed=recipe.training.seed,
        save_minutes=options.save_minutes,
        save_steps=options.save_steps,
        validate_epochs=options.validate_epochs,
        stop_epoch=options.stop_epoch,
        validate_at_stop=options.validate_at_stop,
    )


def _tell_fold(options: TrainOptions) -> list[int] | None:
    return list(options.fold) if options.fold and not options.split else None
