"""Several networks as one, which is fitted, predicts and exports like any other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from nevus.errors import CheckpointError
from nevus.models.checkpoint import Checkpoint

Tensors = Mapping[str, torch.Tensor]


def join_checkpoints(members: Sequence[Checkpoint]) -> Checkpoint:
    """Return one network whose logits are the mean of its members' logits.

    Of diagnosis networks the embedding is theirs in a row, so that a squared distance is the mean
    of theirs. Nothing fitted is kept: thresholds, gallery, temperatures are of single members.

    Args:
        members: Two or more checkpoints of one network, of different trainings.

    Raises:
        CheckpointError: They are of other tasks, networks or inputs, or joined already.
    """
    first = members[0]
    if len(members) < 2:
        raise CheckpointError("one network alone is nothing to join")
    if any(member.network.members > 1 for member in members):
        raise CheckpointError("a joined network cannot be joined again")
    if any(member.task != first.task for member in members):
        raise CheckpointError("networks of different tasks cannot be joined")
    if any(_shape(member) != _shape(first) for member in members):
        raise CheckpointError("networks of other options or inputs cannot be joined")
    join = _join_backbones if first.task == "diagnosis" else _join_whole
    return replace(
        first,
        network=first.network.model_copy(update={"members": len(members)}),
        tensors=join([member.tensors for member in members]),
        extra={},
        fitted={},
        about={**first.about, "scores": {}, "joined": [dict(member.about) for member in members]},
    )


def _join_whole(members: Sequence[Tensors]) -> dict[str, torch.Tensor]:
    return {
        f"members.{place}.{name}": value
        for place, member in enumerate(members)
        for name, value in member.items()
    }


def _join_backbones(members: Sequence[Tensors]) -> dict[str, torch.Tensor]:
    tensors = {
        f"backbone.members.{place}.{name.removeprefix('backbone.')}": value
        for place, member in enumerate(members)
        for name, value in member.items()
        if name.startswith("backbone.")
    }
    rows = torch.cat([member["embedding.weight"] for member in members])
    tensors["embedding.weight"] = rows[:, :, None, None]
    tensors["embedding.bias"] = torch.cat([member["embedding.bias"] for member in members])
    weights = [member["classifier.weight"] for member in members]
    tensors["classifier.weight"] = torch.cat(weights, dim=1) / len(members)
    biases = [member["classifier.bias"] for member in members]
    tensors["classifier.bias"] = torch.stack(biases).mean(0)
    return tensors


def _shape(checkpoint: Checkpoint) -> tuple[object, ...]:
    """Return what two networks must share to stand side by side; how they were trained is free."""
    training_only = {"pretrained", "dropout", "drop_path", "deepen"}
    return (
        checkpoint.network.model_dump(exclude=training_only),
        checkpoint.input.model_dump(exclude={"crop"}),
    )
