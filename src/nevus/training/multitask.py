"""The multitask learner: attribute maps, presences and the lesion (Xue et al. 2018, section 2)."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.optim import Optimizer

from nevus.data.dataset import Batch
from nevus.errors import RecipeError
from nevus.labels import ATTRIBUTES
from nevus.losses import LOSSES, POOLED_LOSSES, sum_overlaps
from nevus.models.attributes import Attributed
from nevus.recipe import Recipe
from nevus.training.distributed import Group
from nevus.training.optimization import GuardedStep, Moment
from nevus.training.starting import start_from
from nevus.training.stepping import Stepper


class MultitaskLearner:
    """Trains an attribute network on its maps and, where it has them, presences and lesion.

    Args:
        recipe: The `attributes` and `supervised` sections, optimiser, freezing, averaging.
        network: An attribute network, on its device.
        group: The run's processes.

    Raises:
        RecipeError: A loss is unknown, or there are not five positive weights.
        CheckpointError: The checkpoint to start from is missing or damaged.
    """

    def __init__(self, recipe: Recipe, network: nn.Module, group: Group) -> None:
        _check(recipe)
        if recipe.attributes.start_from:
            start_from(network, Path(recipe.attributes.start_from), recipe.attributes.start_with)
        self.recipe = recipe
        self.group = group
        self.stepper = Stepper(recipe, network, group)
        weights = recipe.attributes.positive_weights or (1.0,) * len(ATTRIBUTES)
        self.weights = torch.tensor(weights, device=group.device).view(-1, 1, 1)

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
        truth = normalizer.target(target)
        with self.guard.autocast():
            given = self.stepper.network(normalizer.images(images))
        maps, presences = given.maps.to(truth.dtype), given.presences.to(truth.dtype)
        return self.combine(Attributed(maps, presences), truth)

    def combine(self, given: Attributed, truth: torch.Tensor) -> torch.Tensor:
        """Return the weighted sum of all terms, a scalar.

        Args:
            given: Logits; six maps where the network has one for the lesion.
            truth: (N, 5, H, W), or (N, 6, H, W) with the lesion last, in {0, 1}.
        """
        options, count = self.recipe.attributes, len(ATTRIBUTES)
        attributes = truth[:, :count]
        total = self._map_loss(given.maps[:, :count], attributes, self.weights)
        if given.maps.shape[1] > count:
            lesion = self._map_loss(given.maps[:, count:], truth[:, count:], None)
            total = total + options.lesion_weight * lesion
        if given.presences.shape[1]:
            present = attributes.flatten(2).amax(2)
            margin = functional.multilabel_soft_margin_loss(given.presences, present)
            total = total + options.presence_weight * margin
        return total

    def _map_loss(
        self, logits: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor | None
    ) -> torch.Tensor:
        terms = []
        for name, weight in self.recipe.supervised.losses.items():
            if name in POOLED_LOSSES:
                value = POOLED_LOSSES[name](self.group.sum_through(sum_overlaps(logits, truth)))
            elif name == "cross_entropy" and weights is not None:
                value = functional.binary_cross_entropy_with_logits(
                    logits, truth, pos_weight=weights.to(truth.dtype)
                )
            else:
                value = LOSSES[name](logits, truth).mean()
            terms.append(weight * value)
        return torch.stack(terms).sum()


def _check(recipe: Recipe) -> None:
    unknown = sorted(set(recipe.supervised.losses) - set(LOSSES) - set(POOLED_LOSSES))
    if unknown or not recipe.supervised.losses:
        raise RecipeError(
            f"recipe {recipe.name}: supervised.losses names {unknown or 'nothing'}",
            hint=f"known: {', '.join((*LOSSES, *POOLED_LOSSES))}",
        )
    if set(recipe.supervised.losses) & set(POOLED_LOSSES) and recipe.training.accumulation > 1:
        raise RecipeError(
            f"recipe {recipe.name}: pooled losses need whole batches, accumulation splits them",
            hint="--set training.accumulation=1",
        )
    weights = recipe.attributes.positive_weights
    if weights and len(weights) != len(ATTRIBUTES):
        raise RecipeError(
            f"recipe {recipe.name}: attributes.positive_weights has {len(weights)} values",
            hint=f"one for each of {', '.join(ATTRIBUTES)}",
        )
