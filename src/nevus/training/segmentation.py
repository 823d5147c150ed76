"""Task 1 as a workload: photographs with one mask each."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nevus.data.cache import Cache, CacheItem
from nevus.data.dataset import Batch, LesionDataset
from nevus.data.plans import Plan, RunBatches, ShuffledPlan
from nevus.data.records import find_records
from nevus.recipe import Recipe
from nevus.training.distributed import Group
from nevus.training.learner import Learner, build_normalizer
from nevus.training.split import Split, make_split
from nevus.training.validation import draw_samples, validate_segmentation
from nevus.training.workload import Validation, make_loader


class SegmentationMaterial:
    """Photographs and lesion masks below a data root.

    Args:
        recipe: The run's.
        root: A folder that `nevus.data.records.find_records` understands.

    Raises:
        DataError: As `find_records`.
    """

    def __init__(self, recipe: Recipe, root: Path) -> None:
        self.recipe = recipe
        self.records = find_records(root)

    def items(self) -> Sequence[CacheItem]:
        """Return each photograph with its mask."""
        return [
            CacheItem(record.image_id, record.image, (record.mask,))
            for record in self.records
            if record.mask
        ]

    def split(self, fold: tuple[int, int] | None) -> Split:
        """Return fold k of n, look-alikes kept together."""
        return make_split(self.records, fold)

    def open(self, cache: Cache, split: Split, group: Group) -> "SegmentationWorkload":
        """Return the workload of decoded photographs."""
        return SegmentationWorkload(self.recipe, cache, split, group)


class SegmentationWorkload:
    """Augmented batches and the official task 1 metric.

    Args:
        recipe: The run's.
        cache: Photographs and masks at the run's size.
        split: Who trains and who validates.
        group: The run's processes.
    """

    def __init__(self, recipe: Recipe, cache: Cache, split: Split, group: Group) -> None:
        self.recipe = recipe
        self.cache = cache
        self.group = group
        self.training = cache.indices(split.training)
        self.validation = cache.indices(split.validation)
        self.normalizer = build_normalizer(recipe, group)
        training = recipe.training
        self.plan: Plan = ShuffledPlan(
            len(self.training),
            batch_size=training.batch_size,
            epochs=training.epochs,
            seed=training.seed,
            epoch_steps=training.epoch_steps,
        )

    def batches(self, _learner: Learner, start: int) -> Iterable[Batch]:
        """Return the batches from a step to the end; see `Workload.batches`."""
        dataset = LesionDataset(
            self.cache,
            self.training,
            augmentation=self.recipe.augmentation,
            crop=self.recipe.input.crop,
            seed=self.recipe.training.seed,
        )
        group = self.group
        batches = RunBatches(self.plan, start=start, rank=group.rank, world_size=group.world_size)
        return make_loader(dataset, batches, self.recipe, group)

    def validate(self, network: nn.Module) -> Validation:
        """Return the official task 1 metrics at the run's size."""
        if not self.validation:
            return Validation({"metric": 0.0, "n": 0})
        return Validation(
            validate_segmentation(network, self.cache, self.validation, self.normalizer, self.group)
        )

    def draw(self, network: nn.Module) -> list[NDArray[np.uint8]]:
        """Return overlays of the first validation photographs."""
        return draw_samples(network, self.cache, self.validation, self.normalizer)
