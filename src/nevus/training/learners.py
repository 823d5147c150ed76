"""Ways of training by name: what a recipe says becomes a learner with its networks."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from nevus.data.seeds import mix_seed
from nevus.errors import RecipeError
from nevus.models.build import build_network
from nevus.models.critic import Critic
from nevus.recipe import Recipe
from nevus.training.adversarial import AdversarialLearner
from nevus.training.attributes import AttributeWorkload
from nevus.training.classification import ClassificationLearner
from nevus.training.diagnosis import DiagnosisWorkload
from nevus.training.distributed import Group, synchronise_batch_norm
from nevus.training.learner import Learner
from nevus.training.multitask import MultitaskLearner
from nevus.training.supervised import SupervisedLearner
from nevus.training.triplet import TripletLearner
from nevus.training.workload import Workload


def build_adversarial(
    recipe: Recipe, network: nn.Module, group: Group, _workload: Workload
) -> Learner:
    """Return SegAN's learner with a new critic."""
    options = recipe.adversarial
    critic = Critic(options.critic_channels, input_scale=options.input_scale)
    _place(critic, recipe, group)
    return AdversarialLearner(recipe, network, critic, group)


def build_supervised(
    recipe: Recipe, network: nn.Module, group: Group, _workload: Workload
) -> Learner:
    """Return the learner of pixel losses."""
    return SupervisedLearner(recipe, network, group)


def build_classification(
    recipe: Recipe, network: nn.Module, group: Group, workload: Workload
) -> Learner:
    """Return the learner of cross-entropy over diagnoses."""
    known = _require_diagnoses(recipe, workload)
    return ClassificationLearner(recipe, network, group, known.shares)


def build_triplet(recipe: Recipe, network: nn.Module, group: Group, workload: Workload) -> Learner:
    """Return the learner of cross-entropy and triplets in turn."""
    known = _require_diagnoses(recipe, workload)
    return TripletLearner(recipe, network, group, known.shares, known.labels)


def build_multitask(
    recipe: Recipe, network: nn.Module, group: Group, workload: Workload
) -> Learner:
    """Return the learner of attribute maps, presences and lesion."""
    if not isinstance(workload, AttributeWorkload):
        raise RecipeError(f"learner {recipe.learner!r} is for attributes, not {recipe.task}")
    return MultitaskLearner(recipe, network, group)


LEARNERS: dict[str, Callable[[Recipe, nn.Module, Group, Workload], Learner]] = {
    "adversarial": build_adversarial,
    "supervised": build_supervised,
    "multitask": build_multitask,
    "classification": build_classification,
    "triplet": build_triplet,
}
"""Each value: ``(recipe, network, group, workload) -> Learner``."""


def build_learner(recipe: Recipe, group: Group, workload: Workload) -> Learner:
    """Return the learner a recipe names, its networks new or pretrained, on their device.

    Raises:
        RecipeError: Learner, network or their options do not exist or do not fit the task.
        WeightsError: Pretrained weights are wanted and not there, or do not fit.
    """
    torch.manual_seed(mix_seed(recipe.training.seed, "weights"))
    if group.device.type == "cuda":
        torch.use_deterministic_algorithms(recipe.training.deterministic, warn_only=True)
    network = build_network(recipe.network, pretrained=True)
    _require_sizes(recipe, network)
    return LEARNERS[recipe.learner](recipe, _place(network, recipe, group), group, workload)


def _require_diagnoses(recipe: Recipe, workload: Workload) -> DiagnosisWorkload:
    if not isinstance(workload, DiagnosisWorkload):
        raise RecipeError(f"learner {recipe.learner!r} is for diagnosis, not {recipe.task}")
    return workload


def _require_sizes(recipe: Recipe, network: nn.Module) -> None:
    """Refuse sizes other than the one that a transformer of timm's was made for."""
    settings: Any = getattr(getattr(network, "backbone", None), "pretrained_cfg", {})
    if not settings.get("fixed_input_size"):
        return
    wanted = tuple(settings["input_size"][1:])
    for name, size in (("input.size", recipe.input.size), ("input.crop", recipe.input.crop)):
        if size and size != wanted:
            raise RecipeError(
                f"network.encoder {recipe.network.encoder} takes {wanted} pixels alone, "
                f"{name} is {size}",
                hint=f"--set {name}={list(wanted)}, or a convolutional network",
            )


def _place(network: nn.Module, recipe: Recipe, group: Group) -> nn.Module:
    synchronise_batch_norm(network, group)
    network = network.to(group.device)
    if recipe.training.precision == "float64":
        network = network.double()
    if recipe.training.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return network
