"""The cross-entropy learner: seven logits alone, the paper's baseline for task 3."""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from nevus.data.dataset import Batch
from nevus.labels import DIAGNOSES
from nevus.losses import class_cross_entropy
from nevus.recipe import Recipe
from nevus.training.distributed import Group
from nevus.training.optimization import GuardedStep, Moment
from nevus.training.starting import go_on_from
from nevus.training.stepping import Stepper


class ClassificationLearner:
    """Trains a diagnosis network on cross-entropy.

    Args:
        recipe: The `classification` section, optimiser, freezing, averaging.
        network: A diagnosis network, on its device.
        group: The run's processes.
        shares: Class -> share of what is shown, for the logit adjustment.

    Raises:
        CheckpointError: The checkpoint to start from is missing or damaged.
        RecipeError: It does not fit.
    """

    def __init__(
        self, recipe: Recipe, network: nn.Module, group: Group, shares: Mapping[int, float]
    ) -> None:
        if recipe.classification.start_from:
            go_on_from(network, Path(recipe.classification.start_from))
        self.recipe = recipe
        self.stepper = Stepper(recipe, network, group)
        strength = recipe.classification.logit_adjustment
        # A class that is never shown needs no adjustment: no loss ever asks for it.
        logs = [math.log(shares.get(label, 1.0)) for label in range(len(DIAGNOSES))]
        self.adjustment = torch.tensor(logs, device=group.device) * strength

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The network, and its average if there is one."""
        return {"network": self.stepper.network, **self.stepper.networks}

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """The one optimiser."""
        return {"network": self.stepper.optimizer}

    @property
    def guard(self) -> GuardedStep:
        """What takes the steps."""
        return self.stepper.guard

    @property
    def predictor(self) -> nn.Module:
        """The averaged network if there is one, else the network."""
        return self.stepper.predictor

    def step(self, batch: Batch, moment: Moment) -> dict[str, float] | None:
        """Take one step on a batch; see `Learner.step`."""
        parts = self.recipe.training.accumulation
        return self.stepper.step(batch, moment, self._loss, parts=parts)

    def _loss(self, images: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        normalizer = self.stepper.normalizer
        with self.guard.autocast():
            logits = self.stepper.network(normalizer.images(images)).logits
        return class_cross_entropy(
            logits.to(normalizer.mean.dtype),
            target.to(logits.device),
            adjustment=self.adjustment.to(normalizer.mean.dtype),
            smoothing=self.recipe.classification.label_smoothing,
        ).mean()
