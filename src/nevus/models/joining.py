"""Several diagnosis networks as one, which calibrates, predicts and exports like any other."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from nevus.errors import CheckpointError
from nevus.models.checkpoint import Checkpoint


def join_checkpoints(members: Sequence[Checkpoint]) -> Checkpoint:
    """Return one network whose logits are the mean of its members' logits.

    Its embedding is theirs in a row, so that a squared distance is the mean of theirs. Nothing
    fitted is kept: gallery, temperatures and sets are of single members.

    Args:
        members: Two or more checkpoints of one diagnosis network, of different trainings.

    Raises:
        CheckpointError: They are of other tasks, networks or inputs, or joined already.
    """
    first = members[0]
    if len(members) < 2:
        raise CheckpointError("one network alone is nothing to join")
    for other in members:
        if other.task != "diagnosis" or other.network.members > 1:
            raise CheckpointError("only single diagnosis networks can be joined")
        if _shape(other) != _shape(first):
            raise CheckpointError("networks of other options or inputs cannot be joined")
    count = len(members)
    tensors = {
        f"backbone.members.{place}.{name.removeprefix('backbone.')}": value
        for place, member in enumerate(members)
        for name, value in member.tensors.items()
        if name.startswith("backbone.")
    }
    heads = [member.tensors for member in members]
    rows = torch.cat([head["embedding.weight"] for head in heads])
    tensors["embedding.weight"] = rows[:, :, None, None]
    tensors["embedding.bias"] = torch.cat([head["embedding.bias"] for head in heads])
    weights = [head["classifier.weight"] for head in heads]
    tensors["classifier.weight"] = torch.cat(weights, dim=1) / count
    tensors["classifier.bias"] = torch.stack([head["classifier.bias"] for head in heads]).mean(0)
    return replace(
        first,
        network=first.network.model_copy(update={"members": count}),
        tensors=tensors,
        extra={},
        fitted={},
        about={**first.about, "scores": {}, "joined": [dict(member.about) for member in members]},
    )


def _shape(checkpoint: Checkpoint) -> tuple[object, ...]:
    """Return what two networks must share to stand side by side; how they were trained is free."""
    training_only = {"pretrained", "dropout", "drop_path", "deepen"}
    return (
        checkpoint.network.model_dump(exclude=training_only),
        checkpoint.input.model_dump(exclude={"crop"}),
    )
