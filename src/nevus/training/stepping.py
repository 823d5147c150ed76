"""One guarded optimiser step on one network: what every learner with a single loss shares."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from nevus.data.dataset import Batch
from nevus.models.build import encoder_backbone
from nevus.recipe import Recipe
from nevus.training.averaging import WeightAverage
from nevus.training.distributed import Group
from nevus.training.learner import build_normalizer
from nevus.training.optimization import (
    GuardedStep,
    Moment,
    Statistics,
    build_optimizer,
    freeze,
    learning_rate,
    set_learning_rate,
)

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""``(images (N, 3, H, W) uint8, target) -> scalar joined to the graph``."""


class Stepper:
    """A network with its optimiser, average, precision and learning rate.

    Args:
        recipe: Optimiser, freezing, averaging, accumulation.
        network: On its device.
        group: The run's processes.
    """

    def __init__(self, recipe: Recipe, network: nn.Module, group: Group) -> None:
        training = recipe.training
        self.recipe = recipe
        self.network = network
        self.optimizer = build_optimizer(network, recipe.optimizer)
        self.average = WeightAverage(network, training.ema_decay) if training.ema_decay else None
        self.guard = GuardedStep(group, training.precision, clip_norm=recipe.optimizer.clip_norm)
        self.normalizer = build_normalizer(recipe, group)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The average of the network, if there is one."""
        return {"average": self.average.network} if self.average else {}

    @property
    def predictor(self) -> nn.Module:
        """The averaged network if there is one, else the network."""
        return self.average.network if self.average else self.network

    def step(
        self, batch: Batch, moment: Moment, loss: Loss, *, parts: int = 1
    ) -> dict[str, float] | None:
        """Take one step on a batch worked off in equal parts; see `Learner.step`."""
        self.network.train()
        frozen = moment.epoch < self.recipe.training.freeze_encoder_epochs
        freeze(encoder_backbone(self.network), frozen)
        rate = learning_rate(self.recipe.optimizer, moment)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        statistics = Statistics(self.network)
        total = self._descend(batch, loss, parts)
        if total is None:
            statistics.restore()
            return None
        if self.average:
            self.average.update(self.network, moment.step)
        return {"loss": total, "lr": rate}

    def _descend(self, batch: Batch, loss: Loss, parts: int) -> float | None:
        total = 0.0
        for images, target in zip(
            batch.images.chunk(parts), batch.target.chunk(parts), strict=True
        ):
            value = loss(images, target)
            if not self.guard.backward(value / parts):
                return None
            total += value.item() / parts
        finite = self.guard.apply(self.optimizer)
        self.guard.finish()
        return total if finite else None
