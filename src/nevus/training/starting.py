"""Weights that a run starts from: those of another run, of its own task or another."""

from pathlib import Path

from torch import nn

from nevus.errors import RecipeError
from nevus.models.checkpoint import read_checkpoint


def start_from(network: nn.Module, path: Path, parts: str) -> int:
    """Fill a U-Net or an attribute network from a checkpoint where names and shapes agree.

    Args:
        network: Filled in place.
        path: A checkpoint of a U-Net, of an attribute network or of a diagnosis network.
        parts: ``encoder``, or ``all`` for encoder and decoder.

    Returns:
        How many tensors were taken.

    Raises:
        CheckpointError: The file is missing or damaged.
        RecipeError: It has none of the tensors wanted: another encoder, say.
    """
    own = network.state_dict()
    # An attribute network holds a U-Net; a U-Net is one.
    held = "unet." if any(name.startswith("unet.") for name in own) else ""
    encoder = f"{held}encoder."
    prefix = encoder if parts == "encoder" else held
    taken = {}
    for given, tensor in read_checkpoint(path).tensors.items():
        name = held + _place(given)
        if name.startswith(prefix) and name in own and own[name].shape == tensor.shape:
            taken[name] = tensor
    wanted = [name for name in own if name.startswith(encoder)]
    missing = [name for name in wanted if name not in taken]
    if not wanted:
        raise RecipeError(
            "start_from fills U-Nets, this recipe's network is none",
            hint="--set network.name=unet",
        )
    if missing:
        raise RecipeError(
            f"{path} does not fit: {len(missing)} of {len(wanted)} encoder tensors are not in it",
            hint="the checkpoint needs the same network.encoder and network.squeeze_excite",
        )
    network.load_state_dict({**own, **taken})
    return len(taken)


def go_on_from(network: nn.Module, path: Path) -> None:
    """Fill a diagnosis network wholly from another run's, to go on at another size, say.

    Args:
        network: Filled in place.
        path: A diagnosis checkpoint of the same network.

    Raises:
        CheckpointError: The file is missing or damaged.
        RecipeError: Names or shapes differ.
    """
    own, given = network.state_dict(), read_checkpoint(path).tensors
    differ = sorted(
        name
        for name in own.keys() | given.keys()
        if name not in own or name not in given or own[name].shape != given[name].shape
    )
    if differ:
        raise RecipeError(
            f"{path} does not fit: {len(differ)} tensors differ, such as {differ[0]}",
            hint="the checkpoint needs the same task and [network] section",
        )
    network.load_state_dict(given)


def _place(name: str) -> str:
    """Return where a tensor of another task's network belongs in a U-Net."""
    # A diagnosis network is a backbone with heads; a U-Net holds the same one as its encoder.
    return f"encoder.{name}" if name.startswith("backbone.") else name.removeprefix("unet.")
