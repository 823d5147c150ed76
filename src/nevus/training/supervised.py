"""The supervised learner: one network, a weighted sum of pixel losses."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.optim import Optimizer

from nevus.data.dataset import Batch
from nevus.errors import RecipeError
from nevus.losses import LOSSES, dice
from nevus.models.build import encoder_backbone
from nevus.recipe import Recipe
from nevus.training.averaging import WeightAverage
from nevus.training.distributed import Group
from nevus.training.learner import Moment, Normalizer
from nevus.training.mining import mean_of_hardest
from nevus.training.optimization import (
    DTYPES,
    GuardedStep,
    build_optimizer,
    freeze,
    learning_rate,
    set_learning_rate,
)


class SupervisedLearner:
    """Trains one segmentor on cross-entropy, Dice and others by name.

    Args:
        recipe: Losses, optimiser, freezing, mining, averaging.
        network: The segmentor, on its device.
        group: The run's processes.

    Raises:
        RecipeError: A loss is unknown, or mining is to choose among parts of a batch.
    """

    def __init__(self, recipe: Recipe, network: nn.Module, group: Group) -> None:
        _check(recipe)
        training = recipe.training
        self.recipe = recipe
        self.group = group
        self.network = network
        self.optimizer = build_optimizer(network, recipe.optimizer)
        self.average = WeightAverage(network, training.ema_decay) if training.ema_decay else None
        self._guard = GuardedStep(group, training.precision, clip_norm=recipe.optimizer.clip_norm)
        dtype = torch.float64 if DTYPES[training.precision] == torch.float64 else torch.float32
        self.normalizer = Normalizer(
            recipe.input, group.device, dtype=dtype, channels_last=training.channels_last
        )

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The segmentor, and its average if there is one."""
        averaged = {"average": self.average.network} if self.average else {}
        return {"segmentor": self.network, **averaged}

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """The segmentor's optimiser."""
        return {"segmentor": self.optimizer}

    @property
    def guard(self) -> GuardedStep:
        """What takes the steps."""
        return self._guard

    @property
    def predictor(self) -> nn.Module:
        """The averaged segmentor if there is one, else the segmentor."""
        return self.average.network if self.average else self.network

    def step(self, batch: Batch, moment: Moment) -> dict[str, float] | None:
        """Take one step on a batch; see `Learner.step`."""
        options = self.recipe.training
        self.network.train()
        freeze(encoder_backbone(self.network), moment.epoch < options.freeze_encoder_epochs)
        rate = learning_rate(self.recipe.optimizer, moment.step, moment.total)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        parts = options.accumulation
        for images, target in zip(
            batch.images.chunk(parts), batch.target.chunk(parts), strict=True
        ):
            loss = self._loss(images, target)
            if not self._guard.backward(loss / parts):
                return None
            total += loss.item() / parts
        finite = self._guard.apply(self.optimizer)
        self._guard.finish()
        if not finite:
            return None
        if self.average:
            self.average.update(self.network, moment.step)
        return {"loss": total, "lr": rate}

    def _loss(self, images: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        truth = self.normalizer.target(target)
        with self._guard.autocast():
            logits = self.network(self.normalizer.images(images))
        # Losses in half precision lose small gradients.
        logits = logits.to(truth.dtype)
        weighed = [
            weight * LOSSES[name](logits, truth)
            for name, weight in self.recipe.supervised.losses.items()
        ]
        values = torch.stack(weighed).sum(0)
        if not self.recipe.training.hard_mining:
            return values.mean()
        hardness = dice(logits, truth)
        return mean_of_hardest(values, hardness, self.recipe.training.hard_mining, self.group)


def _check(recipe: Recipe) -> None:
    unknown = sorted(set(recipe.supervised.losses) - set(LOSSES))
    if unknown or not recipe.supervised.losses:
        raise RecipeError(
            f"recipe {recipe.name}: supervised.losses names {unknown or 'nothing'}",
            hint=f"known: {', '.join(LOSSES)}",
        )
    if recipe.training.hard_mining and recipe.training.accumulation > 1:
        raise RecipeError(
            f"recipe {recipe.name}: hard_mining needs whole batches, accumulation splits them",
            hint="--set training.accumulation=1",
        )
