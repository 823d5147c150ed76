"""The supervised learner: one network, a weighted sum of pixel losses."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from nevus.data.dataset import Batch
from nevus.errors import RecipeError
from nevus.losses import LOSSES, dice
from nevus.recipe import Recipe
from nevus.training.distributed import Group
from nevus.training.mining import mean_of_hardest
from nevus.training.optimization import GuardedStep, Moment
from nevus.training.starting import start_from
from nevus.training.stepping import Stepper


class SupervisedLearner:
    """Trains one segmentor on cross-entropy, Dice and others by name.

    Args:
        recipe: Losses, optimiser, freezing, mining, averaging.
        network: The segmentor, on its device.
        group: The run's processes.

    Raises:
        RecipeError: A loss is unknown, or mining is to choose among parts of a batch.
        CheckpointError: The checkpoint to start from is missing or damaged.
    """

    def __init__(self, recipe: Recipe, network: nn.Module, group: Group) -> None:
        _check(recipe)
        if recipe.supervised.start_from:
            start_from(network, Path(recipe.supervised.start_from), recipe.supervised.start_with)
        self.recipe = recipe
        self.group = group
        self.stepper = Stepper(recipe, network, group)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The segmentor, and its average if there is one."""
        return {"segmentor": self.stepper.network, **self.stepper.networks}

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """The segmentor's optimiser."""
        return {"segmentor": self.stepper.optimizer}

    @property
    def guard(self) -> GuardedStep:
        """What takes the steps."""
        return self.stepper.guard

    @property
    def predictor(self) -> nn.Module:
        """The averaged segmentor if there is one, else the segmentor."""
        return self.stepper.predictor

    def step(self, batch: Batch, moment: Moment) -> dict[str, float] | None:
        """Take one step on a batch; see `Learner.step`."""
        parts = self.recipe.training.accumulation
        return self.stepper.step(batch, moment, self._loss, parts=parts)

    def _loss(self, images: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        truth = self.stepper.normalizer.target(target)
        with self.stepper.guard.autocast():
            logits = self.stepper.network(self.stepper.normalizer.images(images))
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
