"""The triplet learner: cross-entropy and triplets in turn (Xue et al. 2018, section 3)."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.optim import Optimizer

from nevus.data.dataset import Batch
from nevus.data.triplet_plan import Phases
from nevus.errors import RecipeError
from nevus.losses import triplet
from nevus.recipe import Recipe
from nevus.training.classification import ClassificationLearner
from nevus.training.distributed import Group
from nevus.training.negatives import count_kept, find_anchors, mine_negatives
from nevus.training.optimization import GuardedStep, Moment


class MinedNegatives(nn.Module):
    """The list of negatives, kept as buffers so that a run's state holds it.

    Args:
        anchors: How many photographs anchor.
        kept: How many negatives each of them has.
    """

    def __init__(self, anchors: int, kept: int) -> None:
        super().__init__()
        self.places: torch.Tensor
        self.step: torch.Tensor
        self.register_buffer("places", torch.zeros(anchors, kept, dtype=torch.int64))
        self.register_buffer("step", torch.tensor(-1))


class TripletLearner:
    """Takes cross-entropy steps and triplet steps in turn, by epochs.

    Args:
        recipe: The `triplets` and `classification` sections.
        network: A diagnosis network, on its device.
        group: The run's processes.
        shares: Class -> share of what is shown in cross-entropy phases.
        labels: The class of each training photograph.

    Raises:
        RecipeError: Gradient accumulation, which would tear triplets apart.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: nn.Module,
        group: Group,
        shares: Mapping[int, float],
        labels: Sequence[int],
    ) -> None:
        if recipe.training.accumulation > 1:
            raise RecipeError(
                f"recipe {recipe.name}: the triplet learner cannot split a batch",
                hint="--set training.accumulation=1",
            )
        self.recipe = recipe
        self.group = group
        self.labels = tuple(labels)
        self.phases = Phases(recipe.triplets)
        self.anchors = find_anchors(labels, recipe.triplets)
        kept = count_kept(labels, self.anchors, recipe.triplets) if self.anchors else 0
        self.mined = MinedNegatives(len(self.anchors), kept)
        self._classifier = ClassificationLearner(recipe, network, group, shares)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The network, its average if there is one, and the mined negatives."""
        return {**self._classifier.networks, "mined": self.mined}

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """The one optimiser of both phases."""
        return self._classifier.optimizers

    @property
    def guard(self) -> GuardedStep:
        """What takes the steps."""
        return self._classifier.guard

    @property
    def predictor(self) -> nn.Module:
        """The averaged network if there is one, else the network."""
        return self._classifier.predictor

    @property
    def network(self) -> nn.Module:
        """The network that trains: negatives are hard for it, not for its average."""
        return self._classifier.stepper.network

    def renew(self, embeddings: torch.Tensor, step: int) -> None:
        """Mine negatives anew from (N, E) embeddings of all training photographs."""
        places = mine_negatives(
            embeddings, self.labels, self.anchors, self.recipe.triplets, seed=step
        )
        self.mined.places.copy_(places)
        self.mined.step.fill_(step)

    def step(self, batch: Batch, moment: Moment) -> dict[str, float] | None:
        """Take one step of the epoch's kind; see `Learner.step`.

        Returns terms ``cross_entropy``, or ``triplet``, ``active`` (share of triplets not yet
        satisfied) and ``spread`` (standard deviation of the embeddings, over their root mean
        square: 0 is collapse).
        """
        if not self.phases.is_triplet(moment.epoch):
            terms = self._classifier.step(batch, moment)
            return terms and {"cross_entropy": terms["loss"], "lr": terms["lr"]}
        seen: dict[str, float] = {}

        def loss(images: torch.Tensor, _target: torch.Tensor) -> torch.Tensor:
            return self._triplet_loss(images, seen)

        terms = self._classifier.stepper.step(batch, moment, loss)
        return terms and {"triplet": terms["loss"], **seen, "lr": terms["lr"]}

    def _triplet_loss(self, images: torch.Tensor, seen: dict[str, float]) -> torch.Tensor:
        stepper = self._classifier.stepper
        with self.guard.autocast():
            embeddings = stepper.network(stepper.normalizer.images(images)).embedding
        embeddings = embeddings.to(stepper.normalizer.mean.dtype)
        anchor, positive, negative = embeddings.unflatten(0, (-1, 3)).unbind(1)
        values = triplet(anchor, positive, negative, self.recipe.triplets.margin)
        seen["active"] = float((values > 0).float().mean())
        seen["spread"] = measure_spread(embeddings.detach())
        if self.recipe.triplets.reduction == "mean":
            return values.mean()
        # Gradients are averaged over processes: times their number it is the sum over all.
        return values.sum() * self.group.world_size


def measure_spread(embeddings: torch.Tensor) -> float:
    """Return the standard deviation of (N, E) embeddings over their root mean square, in [0, 1]."""
    centred = embeddings - embeddings.mean(0)
    scale = embeddings.square().sum(1).mean().sqrt()
    return float(centred.square().sum(1).mean().sqrt() / scale.clamp(min=1e-12))
