"""A run's exact state on disk: the two newest, each proving its own integrity."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from nevus.errors import CheckpointError
from nevus.models.tensorfile import read_tensors, remove_partials, write_tensors
from nevus.training.learner import Learner

KEPT = 2
_log = logging.getLogger(__name__)


@dataclass
class RunState:
    """What the loop itself has to remember besides the learner's tensors.

    Attributes:
        step: Steps done.
        best: The best validation score so far, or None.
        validated: Last epoch that was validated, counted from 1; 0 for none.
        skipped: Steps skipped as not finite, and how many of them in a row just now.
        skipped_in_row: See `skipped`.
        seconds: Time spent training, over all sittings.
        extra: The float16 loss scale, where there is one.
    """

    step: int = 0
    best: float | None = None
    validated: int = 0
    skipped: int = 0
    skipped_in_row: int = 0
    seconds: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)


def write_state(folder: Path, learner: Learner, state: RunState) -> Path:
    """Write the state of a run and drop all but the newest `KEPT`.

    Raises:
        TrainingError: A weight is not finite.
        DiskFullError: There is no room; older states are untouched.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, network in learner.networks.items():
        for key, value in network.state_dict().items():
            tensors[f"network.{name}.{key}"] = value
    for name, optimizer in learner.optimizers.items():
        for index, values in optimizer.state_dict()["state"].items():
            for key, value in values.items():
                tensors[f"optimizer.{name}.{index}.{key}"] = torch.as_tensor(value)
    path = folder / f"step-{state.step:08d}.safetensors"
    write_tensors(path, tensors, {"kind": "state", **vars(state)})
    for old in find_states(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def find_states(folder: Path) -> list[Path]:
    """Return the states in a folder, newest first."""
    return sorted(folder.glob("step-*.safetensors"), reverse=True)


def load_state(folder: Path, learner: Learner) -> RunState | None:
    """Fill `learner` from the newest state that is whole; None if there is no state at all.

    Damaged ones newer than it are set aside: they would count among the `KEPT`, and push the whole
    one out.

    Raises:
        CheckpointError: There are states, and every one is damaged.
    """
    remove_partials(folder)
    found = find_states(folder)
    for place, path in enumerate(found):
        try:
            tensors, content = read_tensors(path)
        except CheckpointError as error:
            _log.warning("%s; the state before it is used", error)
            continue
        _fill(learner, tensors)
        _set_aside(found[:place])
        del content["kind"]
        return RunState(**content)
    if found:
        raise CheckpointError(
            f"all {len(found)} states in {folder} are damaged", hint="start in another folder"
        )
    return None


def _set_aside(damaged: Iterable[Path]) -> None:
    for path in damaged:
        # Another process of the same run may have been first.
        with suppress(FileNotFoundError):
            path.replace(path.with_name(f"{path.name}.damaged"))


def _fill(learner: Learner, tensors: dict[str, torch.Tensor]) -> None:
    for name, network in learner.networks.items():
        prefix = f"network.{name}."
        network.load_state_dict(
            {key.removeprefix(prefix): v for key, v in tensors.items() if key.startswith(prefix)}
        )
    for name, optimizer in learner.optimizers.items():
        _fill_optimizer(optimizer, f"optimizer.{name}.", tensors)


def _fill_optimizer(optimizer: Optimizer, prefix: str, tensors: dict[str, torch.Tensor]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    optimizer.state.clear()
    for key, value in tensors.items():
        if not key.startswith(prefix):
            continue
        index, _, name = key.removeprefix(prefix).partition(".")
        parameter = parameters[int(index)]
        # The parameter's own memory layout: sums in another order are not the same bits.
        alike = value.shape == parameter.shape
        stored = torch.empty_like(parameter).copy_(value) if alike else value
        optimizer.state[parameter][name] = stored
