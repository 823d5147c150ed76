"""Checkpoints: a network, its options and its weights; never a trainer."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from nevus.errors import CheckpointError
from nevus.labels import NOTICE
from nevus.models.build import build_network
from nevus.models.tensorfile import read_tensors, write_tensors
from nevus.options import InputOptions, NetworkOptions, PredictionOptions

FORMAT = 1
EXTRA = "@"
"""Before the names of tensors that are not the network's; no network's name begins so."""


@dataclass(frozen=True)
class Checkpoint:
    """What prediction needs, and nothing of how it was trained beyond a record of it.

    Attributes:
        task: ``segmentation``, ``attributes`` or ``diagnosis``.
        network: Name and options of the network.
        input: Size and normalisation of what it takes.
        prediction: Test-time choices, post-processing included.
        tensors: The network's state by name.
        extra: Tensors prediction needs besides, such as a gallery.
        fitted: What was fitted on validation photographs: temperatures, thresholds; JSON values.
        about: Where it comes from: recipe, fold, data, scores; JSON values.
    """

    task: str
    network: NetworkOptions
    input: InputOptions
    prediction: PredictionOptions
    tensors: dict[str, torch.Tensor]
    extra: dict[str, torch.Tensor] = field(default_factory=dict)
    fitted: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically.

    Raises:
        TrainingError: A weight is not finite.
        DiskFullError: There is no room.
    """
    content = {
        "kind": "checkpoint",
        "format": FORMAT,
        "notice": NOTICE,
        "task": checkpoint.task,
        "network": checkpoint.network.model_dump(),
        "input": checkpoint.input.model_dump(),
        "prediction": checkpoint.prediction.model_dump(),
        "fitted": checkpoint.fitted,
        "about": checkpoint.about,
    }
    extra = {f"{EXTRA}{name}": tensor for name, tensor in checkpoint.extra.items()}
    write_tensors(path, checkpoint.tensors | extra, content)


def read_checkpoint(path: Path) -> Checkpoint:
    """Return a checkpoint whose sha256 is right.

    Raises:
        CheckpointError: The file is missing, damaged, of another kind or of a newer format.
    """
    tensors, content = read_tensors(path)
    if not isinstance(content, dict) or content.get("kind") != "checkpoint":
        raise CheckpointError(
            f"{path} holds a run's state, not a checkpoint",
            hint="use best.safetensors or last.safetensors of the run folder",
        )
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {content['format']}, this nevus reads {FORMAT}",
            hint="update nevus",
        )
    try:
        return Checkpoint(
            task=content["task"],
            network=NetworkOptions.model_validate(content["network"]),
            input=InputOptions.model_validate(content["input"]),
            prediction=PredictionOptions.model_validate(content["prediction"]),
            tensors={k: v for k, v in tensors.items() if not k.startswith(EXTRA)},
            extra={k.removeprefix(EXTRA): v for k, v in tensors.items() if k.startswith(EXTRA)},
            fitted=content.get("fitted", {}),
            about=content["about"],
        )
    except (KeyError, ValidationError) as error:
        raise CheckpointError(f"{path} names options this nevus does not know: {error}") from error


def build_from_checkpoint(checkpoint: Checkpoint) -> nn.Module:
    """Return the checkpoint's network in evaluation mode.

    Raises:
        CheckpointError: The weights do not fit the network the checkpoint names.
    """
    network = build_network(checkpoint.network, pretrained=False)
    try:
        network.load_state_dict(checkpoint.tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(
            f"the weights do not fit {checkpoint.network.name}: {first}"
        ) from None
    return network.eval()
