"""`nevus train`: from a recipe and a data folder to checkpoints."""

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nevus import __version__
from nevus.data.cache import Cache, Progress, open_cache
from nevus.data.seeds import mix_seed
from nevus.errors import DataError, RecipeError
from nevus.models.build import build_network
from nevus.models.checkpoint import Checkpoint, write_checkpoint
from nevus.models.critic import Critic
from nevus.recipe import Recipe
from nevus.training.adversarial import AdversarialLearner
from nevus.training.attributes import AttributeMaterial, AttributeWorkload
from nevus.training.classification import ClassificationLearner
from nevus.training.diagnosis import DiagnosisMaterial, DiagnosisWorkload
from nevus.training.distributed import Group, join_group, synchronise_batch_norm
from nevus.training.journal import Journal, Reporter, SilentReporter, Values
from nevus.training.learner import Learner
from nevus.training.loop import Hooks, Loop, Schedule
from nevus.training.multitask import MultitaskLearner
from nevus.training.run import RunFolder, locked, make_manifest, open_run
from nevus.training.segmentation import SegmentationMaterial
from nevus.training.signals import StopRequest, listening
from nevus.training.split import Split, read_split, split_digest
from nevus.training.state import RunState, load_state
from nevus.training.supervised import SupervisedLearner
from nevus.training.triplet import TripletLearner
from nevus.training.workload import Material, Validation, Workload


@dataclass(frozen=True)
class TrainOptions:
    """Where a run takes place and how it is interrupted.

    Attributes:
        data: Data root.
        out: Run folder.
        fold: (k, n): fold k of n validates; None: everything trains, nothing validates.
        split: A split.json to use instead of `fold`, for example another run's.
        resume: Go on with the run in `out`.
        allow_changes: Resume although recipe or data differ.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.
        max_minutes: Stop cleanly after so long.
        save_minutes: Minutes between states within an epoch.
        save_steps: Steps between states, besides; 0 for none.
        validate_epochs: Epochs between validations.
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


def build_adversarial(
    recipe: Recipe, network: nn.Module, group: Group, _workload: Workload
) -> Learner:
    """Return SegAN's learner with a new critic."""
    options = recipe.adversarial
    critic = Critic(options.critic_channels, input_scale=options.input_scale)
    _place(critic, recipe, group)
    return AdversarialLearner(recipe, network, critic, group)


def build_supervised(
    recipe: Recipe, network: nn.Module, group: Group, _workload: Workload
) -> Learner:
    """Return the learner of pixel losses."""
    return SupervisedLearner(recipe, network, group)


def build_classification(
    recipe: Recipe, network: nn.Module, group: Group, workload: Workload
) -> Learner:
    """Return the learner of cross-entropy over diagnoses."""
    known = _require_diagnoses(recipe, workload)
    return ClassificationLearner(recipe, network, group, known.shares)


def build_triplet(recipe: Recipe, network: nn.Module, group: Group, workload: Workload) -> Learner:
    """Return the learner of cross-entropy and triplets in turn."""
    known = _require_diagnoses(recipe, workload)
    return TripletLearner(recipe, network, group, known.shares, known.labels)


def build_multitask(
    recipe: Recipe, network: nn.Module, group: Group, workload: Workload
) -> Learner:
    """Return the learner of attribute maps, presences and lesion."""
    if not isinstance(workload, AttributeWorkload):
        raise RecipeError(f"learner {recipe.learner!r} is for attributes, not {recipe.task}")
    return MultitaskLearner(recipe, network, group)


LEARNERS: dict[str, Callable[[Recipe, nn.Module, Group, Workload], Learner]] = {
    "adversarial": build_adversarial,
    "supervised": build_supervised,
    "multitask": build_multitask,
    "classification": build_classification,
    "triplet": build_triplet,
}
"""Each value: ``(recipe, network, group, workload) -> Learner``."""


def _require_diagnoses(recipe: Recipe, workload: Workload) -> DiagnosisWorkload:
    if not isinstance(workload, DiagnosisWorkload):
        raise RecipeError(f"learner {recipe.learner!r} is for diagnosis, not {recipe.task}")
    return workload


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
    cache, split, workload = _open_data(recipe, options, folder, group, progress)
    manifest = _open_manifest(recipe, options, folder, group, cache, split)
    # Sums in another order are not the same bits: a resumed run keeps its thread count.
    torch.set_num_threads(int(manifest["threads"]))
    learner = _build_learner(recipe, group, workload)
    state = (load_state(folder.state, learner) if options.resume else None) or RunState()
    learner.guard.load(state.extra)
    schedule = _make_schedule(recipe, options, workload)
    hooks = _make_hooks(recipe, options, folder, workload, split)
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
        if not split_path.is_file():
            split = read_split(options.split) if options.split else material.split(options.fold)
            split_path.write_text(json.dumps(vars(split)), encoding="utf-8")
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
) -> dict[str, Any]:
    data = {
        "key": cache.key,
        "fold": list(options.fold) if options.fold and not options.split else None,
        "split": split_digest(split),
        "training": len(split.training),
        "validation": len(split.validation),
    }
    manifest = make_manifest(
        recipe, data=data, world_size=group.world_size, device=str(group.device)
    )
    if group.is_first:
        manifest = open_run(
            folder, manifest, resume=options.resume, allow_changes=options.allow_changes
        )
    group.wait()
    return manifest


def _build_learner(recipe: Recipe, group: Group, workload: Workload) -> Learner:
    torch.manual_seed(mix_seed(recipe.training.seed, "weights"))
    if group.device.type == "cuda" and recipe.training.deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
    network = build_network(recipe.network, pretrained=True)
    return LEARNERS[recipe.learner](recipe, _place(network, recipe, group), group, workload)


def _place(network: nn.Module, recipe: Recipe, group: Group) -> nn.Module:
    synchronise_batch_norm(network, group)
    network = network.to(group.device)
    if recipe.training.precision == "float64":
        network = network.double()
    if recipe.training.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return network


def _make_schedule(recipe: Recipe, options: TrainOptions, workload: Workload) -> Schedule:
    return Schedule(
        steps_per_epoch=workload.plan.steps_per_epoch,
        total=workload.plan.total,
        seed=recipe.training.seed,
        save_minutes=options.save_minutes,
        save_steps=options.save_steps,
        validate_epochs=options.validate_epochs,
    )


def _make_hooks(
    recipe: Recipe, options: TrainOptions, folder: RunFolder, workload: Workload, split: Split
) -> Hooks:
    # Publishing follows a validation of the same weights at once.
    latest: dict[str, tuple[nn.Module, Validation]] = {}

    def validate(network: nn.Module) -> Validation:
        latest["now"] = network, workload.validate(network)
        return latest["now"][1]

    def publish(name: str, scores: Values, state: RunState) -> None:
        network, validation = latest["now"]
        checkpoint = Checkpoint(
            task=recipe.task,
            network=recipe.network,
            input=recipe.input,
            prediction=recipe.prediction,
            tensors=_single(network.state_dict()),
            extra=dict(validation.extra),
            fitted=dict(validation.fitted),
            about=_describe(recipe, options, split, scores, state),
        )
        write_checkpoint(folder.checkpoint(name), checkpoint)

    return Hooks(validate, workload.draw, publish)


def _single(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: v.float() if v.dtype == torch.float64 else v for k, v in tensors.items()}


def _describe(
    recipe: Recipe, options: TrainOptions, split: Split, scores: Values, state: RunState
) -> dict[str, Any]:
    return {
        "nevus": __version__,
        "recipe": recipe.name,
        "learner": recipe.learner,
        "fold": list(options.fold) if options.fold else None,
        "training_photographs": len(split.training),
        "validation_photographs": len(split.validation),
        "steps": state.step,
        "hours": round(state.seconds / 3600, 3),
        "scores": {name: round(float(value), 6) for name, value in scores.items()},
    }
