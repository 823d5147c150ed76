"""What a task brings to a run: its files, its batches, its validation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader

from nevus.data.cache import Cache, CacheItem
from nevus.data.dataset import Batch, LesionDataset
from nevus.data.plans import Plan, RunBatches
from nevus.data.resident import ResidentBatches
from nevus.data.seeds import mix_seed
from nevus.recipe import Recipe
from nevus.training.distributed import Group
from nevus.training.journal import Values
from nevus.training.learner import Learner
from nevus.training.signals import pass_over_first
from nevus.training.split import Split


@dataclass(frozen=True)
class Validation:
    """What validating a network gave.

    Attributes:
        scores: By name; ``metric`` chooses the best checkpoint.
        fitted: What was fitted on validation photographs and prediction needs; JSON values.
        extra: Tensors prediction needs besides the weights, such as a gallery.
        remarks: Sentences for whoever watches.
    """

    scores: Values
    fitted: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, torch.Tensor] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


class Workload(Protocol):
    """A task's data, decoded and split."""

    @property
    def plan(self) -> Plan:
        """Which samples make which batch."""

    def batches(self, learner: Learner, start: int) -> Iterable[Batch]:
        """Return this process's share of the batches from a step to the end."""

    def validate(self, network: nn.Module) -> Validation:
        """Score a network on the validation photographs; the same in every process."""

    def draw(self, network: nn.Module) -> list[NDArray[np.uint8]]:
        """Return (H, W, 3) overlays of a few validation photographs."""


class Material(Protocol):
    """A task's files, found and checked, nothing decoded yet."""

    def items(self) -> Sequence[CacheItem]:
        """Return what is to be decoded."""

    def split(self, fold: tuple[int, int] | None) -> Split:
        """Return fold k of n, or everything as training for None."""

    def open(self, cache: Cache, split: Split, group: Group) -> Workload:
        """Return the workload of decoded photographs."""


def make_loader(
    dataset: LesionDataset, batches: RunBatches, recipe: Recipe, group: Group
) -> Iterable[Batch]:
    """Return a loader whose content does not depend on the number of its workers."""
    if recipe.training.resident:
        return ResidentBatches(dataset, batches, group.device)
    # The loader draws its own base seed: without a generator it would come from the global one.
    generator = torch.Generator().manual_seed(mix_seed(recipe.training.seed, "loader"))
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=recipe.training.workers,
        generator=generator,
        worker_init_fn=pass_over_first,
        pin_memory=group.device.type == "cuda",
    )
