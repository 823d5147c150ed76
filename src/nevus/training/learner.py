"""What a way of training has to offer the loop, and the pieces all of them share."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from nevus.data.dataset import Batch
from nevus.options import InputOptions
from nevus.recipe import Recipe
from nevus.training.distributed import Group
from nevus.training.optimization import GuardedStep, Moment


class Learner(Protocol):
    """A way of training. Its state is its networks, optimisers and guard, nothing else."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """All networks whose state a resumed run needs, by name."""

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """All optimisers whose state a resumed run needs, by name."""

    @property
    def guard(self) -> GuardedStep:
        """What takes its steps; holds the loss scale of float16."""

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts, and that checkpoints hold."""

    def step(self, batch: Batch, moment: Moment) -> dict[str, float] | None:
        """Take one step; return the loss terms, or None for a step skipped as not finite."""


class Normalizer:
    """Turns batches of bytes into network input on a device.

    Args:
        options: Mean and standard deviation per channel, for values in [0, 1].
        device: Where the networks are.
        dtype: The networks' floating point type.
        channels_last: Memory layout of the result.
    """

    def __init__(
        self,
        options: InputOptions,
        device: torch.device,
        *,
        dtype: torch.dtype = torch.float32,
        channels_last: bool = False,
    ) -> None:
        self.mean = torch.tensor(options.mean, device=device, dtype=dtype).view(1, 3, 1, 1)
        self.std = torch.tensor(options.std, device=device, dtype=dtype).view(1, 3, 1, 1)
        self.device = device
        self.format = torch.channels_last if channels_last else torch.contiguous_format

    def images(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, 3, H, W) normalised floats for (N, 3, H, W) uint8."""
        values = images.to(self.device, non_blocking=True).to(self.mean.dtype) / 255
        return ((values - self.mean) / self.std).contiguous(memory_format=self.format)

    def target(self, target: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) floats for (N, C, H, W) uint8 in {0, 1}."""
        return target.to(self.device, non_blocking=True).to(self.mean.dtype)


def build_normalizer(recipe: Recipe, group: Group) -> Normalizer:
    """Return the normaliser of a recipe's input, in the precision of its networks."""
    wide = torch.float64 if recipe.training.precision == "float64" else torch.float32
    return Normalizer(
        recipe.input, group.device, dtype=wide, channels_last=recipe.training.channels_last
    )
