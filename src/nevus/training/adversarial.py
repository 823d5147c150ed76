"""The adversarial learner: SegAN, a segmentor against a critic (Xue et al. 2018, section 1)."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.optim import Optimizer

from nevus.data.dataset import Batch
from nevus.errors import RecipeError
from nevus.losses import dice, multi_scale_l1
from nevus.models.build import encoder_backbone
from nevus.models.critic import Critic
from nevus.recipe import Recipe
from nevus.training.distributed import Group
from nevus.training.learner import build_normalizer
from nevus.training.mining import mean_of_hardest
from nevus.training.optimization import (
    GuardedStep,
    Moment,
    Statistics,
    build_optimizer,
    clamp_parameters,
    freeze,
    learning_rate,
    set_learning_rate,
)


class AdversarialLearner:
    """One step of the critic with the segmentor fixed, clamp, one step of the segmentor.

    The segmentor does not change during the critic's step, so one forward pass of it serves both.

    Args:
        recipe: The `adversarial` section and the optimiser, which both networks share in kind.
        network: The segmentor, on its device.
        critic: The critic, on the same device.
        group: The run's processes.

    Raises:
        RecipeError: Gradient accumulation or a weight average is asked for, or hard mining
            without the Dice term it chooses by.
    """

    def __init__(self, recipe: Recipe, network: nn.Module, critic: Critic, group: Group) -> None:
        _check(recipe)
        self.recipe = recipe
        self.group = group
        self.network = network
        self.critic = critic
        self.optimizer = build_optimizer(network, recipe.optimizer)
        self.critic_optimizer = build_optimizer(critic, recipe.optimizer)
        training = recipe.training
        self._guard = GuardedStep(group, training.precision, clip_norm=recipe.optimizer.clip_norm)
        self.normalizer = build_normalizer(recipe, group)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """Segmentor and critic."""
        return {"segmentor": self.network, "critic": self.critic}

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """One optimiser each."""
        return {"segmentor": self.optimizer, "critic": self.critic_optimizer}

    @property
    def guard(self) -> GuardedStep:
        """What takes the steps."""
        return self._guard

    @property
    def predictor(self) -> nn.Module:
        """The segmentor: the critic is not used at test time."""
        return self.network

    def step(self, batch: Batch, moment: Moment) -> dict[str, float] | None:
        """Take one step of each network; see `Learner.step`.

        Returns terms ``critic`` (what C maximises), ``adversarial`` (the same distance after C's
        step, what S minimises) and ``dice``; equation 1.
        """
        options = self.recipe
        self.network.train()
        self.critic.train()
        frozen = moment.epoch < options.training.freeze_encoder_epochs
        freeze(encoder_backbone(self.network), frozen)
        rate = learning_rate(options.optimizer, moment)
        for optimizer in (self.optimizer, self.critic_optimizer):
            set_learning_rate(optimizer, rate)
            optimizer.zero_grad(set_to_none=True)
        images = self.normalizer.images(batch.images)
        target = self.normalizer.target(batch.target)
        statistics = Statistics(self.network, self.critic)
        terms = self._both_steps(images, target)
        if terms is None:
            statistics.restore()
            return None
        return {**terms, "lr": rate}

    def _both_steps(self, images: torch.Tensor, target: torch.Tensor) -> dict[str, float] | None:
        with self._guard.autocast():
            logits = self.network(images)
        logits = logits.to(target.dtype)
        probability = torch.sigmoid(logits)
        gained = self._critic_step(images * probability.detach(), images * target)
        if gained is None:
            return None
        terms = self._segmentor_step(images, probability, logits, target)
        return None if terms is None else {"critic": gained, **terms}

    def _critic_step(self, predicted: torch.Tensor, true: torch.Tensor) -> float | None:
        self.critic.requires_grad_(True)
        distance = self._distance(self._features(predicted), self._features(true))
        if not self._guard.backward(-distance) or not self._guard.apply(self.critic_optimizer):
            self._guard.finish()
            return None
        options = self.recipe.adversarial
        if options.clamp:
            everything = options.clamp_parameters == "all"
            clamp_parameters(
                [self.critic]
                if everything
                else [m for m in self.critic.modules() if isinstance(m, nn.Conv2d)],
                options.clamp,
            )
        return distance.item()

    def _segmentor_step(
        self,
        images: torch.Tensor,
        probability: torch.Tensor,
        logits: torch.Tensor,
        target: torch.Tensor,
    ) -> dict[str, float] | None:
        # A fixed critic needs no gradients of its own, and those of the truth reach no one.
        self.critic.requires_grad_(False)
        with torch.no_grad():
            wanted = self._features(images * target)
        distance = self._distance(self._features(images * probability), wanted)
        overlap = dice(logits, target)
        mined = mean_of_hardest(overlap, overlap, self.recipe.training.hard_mining, self.group)
        options = self.recipe.adversarial
        loss = options.adversarial_weight * distance + options.dice_weight * mined
        done = self._guard.backward(loss) and self._guard.apply(self.optimizer)
        self._guard.finish()
        return {"adversarial": distance.item(), "dice": mined.item()} if done else None

    def _features(self, masked: torch.Tensor) -> list[torch.Tensor]:
        with self._guard.autocast():
            features: list[torch.Tensor] = self.critic(masked)
        return features

    def _distance(self, first: list[torch.Tensor], second: list[torch.Tensor]) -> torch.Tensor:
        widest = self.normalizer.mean.dtype
        return multi_scale_l1([f.to(widest) for f in first], [f.to(widest) for f in second])


def _check(recipe: Recipe) -> None:
    if recipe.training.accumulation > 1:
        raise RecipeError(
            f"recipe {recipe.name}: the adversarial learner shares one forward pass between its "
            "two steps and cannot split a batch",
            hint="--set training.accumulation=1 with a smaller batch_size or crop",
        )
    if recipe.training.hard_mining and not recipe.adversarial.dice_weight:
        raise RecipeError(
            f"recipe {recipe.name}: hard_mining chooses among Dice losses, which weigh 0 here",
            hint="--set adversarial.dice_weight=1, as segan-authors has it",
        )
    if recipe.training.ema_decay:
        raise RecipeError(
            f"recipe {recipe.name}: the adversarial learner keeps no weight average",
            hint="--set training.ema_decay=0",
        )
