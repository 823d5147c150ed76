"""Task 2 as a workload: photographs with five masks each, and the lesion's where wanted."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nevus.data.attribute_masks import AttributeRecord, find_attribute_records
from nevus.data.cache import Cache, CacheItem, unpack_masks
from nevus.data.dataset import Batch, LesionDataset
from nevus.data.plans import BalancedPlan, Plan, RunBatches
from nevus.data.records import Record
from nevus.errors import DataError
from nevus.imaging.views import UPRIGHT, View
from nevus.labels import ATTRIBUTES
from nevus.models.joint import AnyAttributeNetwork
from nevus.recipe import Recipe
from nevus.training.attribute_validation import draw_attribute_samples, validate_attributes
from nevus.training.distributed import Group
from nevus.training.learner import Learner, build_normalizer
from nevus.training.split import Split, make_split
from nevus.training.workload import Validation, make_loader


class AttributeMaterial:
    """Photographs, attribute masks and perhaps lesion masks below a data root.

    Args:
        recipe: The run's.
        root: A folder that `nevus.data.attribute_masks.find_attribute_records` understands.

    Raises:
        DataError: As `find_attribute_records`, or lesion masks are wanted and not all there.
    """

    def __init__(self, recipe: Recipe, root: Path) -> None:
        self.recipe = recipe
        self.records = find_attribute_records(root)
        without = [record.image_id for record in self.records if record.lesion is None]
        if recipe.network.lesion_map and without:
            raise DataError(
                f"{len(without)} photographs have no lesion mask, such as {without[0]}",
                hint="add the masks of task 1, or --set network.lesion_map=false",
            )

    def items(self) -> Sequence[CacheItem]:
        """Return each photograph with its five masks, and the lesion's if the network maps it."""
        return [
            CacheItem(record.image_id, record.image, self._masks(record)) for record in self.records
        ]

    def _masks(self, record: AttributeRecord) -> tuple[Path, ...]:
        five = tuple(record.masks[name] for name in ATTRIBUTES)
        wanted = self.recipe.network.lesion_map and record.lesion is not None
        return (*five, record.lesion) if wanted and record.lesion else five

    def split(self, fold: tuple[int, int] | None) -> Split:
        """Return fold k of n: the folds of task 1, whose photographs these are."""
        return make_split(tuple(Record(r.image_id, r.image) for r in self.records), fold)

    def open(self, cache: Cache, split: Split, group: Group) -> "AttributeWorkload":
        """Return the workload of decoded photographs."""
        return AttributeWorkload(self.recipe, cache, split, group)


class AttributeWorkload:
    """Batches in which rare attributes come often enough, and the official task 2 metric.

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
        self.views: tuple[View, ...] = (UPRIGHT,)
        """What thresholds are fitted for; more than one takes as many times as long."""
        training = recipe.training
        self.plan: Plan = BalancedPlan(
            find_rarest(cache.masks, self.training),
            batch_size=training.batch_size,
            epochs=training.epochs,
            seed=training.seed,
            epoch_steps=training.epoch_steps,
            power=recipe.attributes.sampling_power,
        )

    def batches(self, _learner: Learner, start: int) -> Iterable[Batch]:
        """Return the batches from a step to the end; see `Workload.batches`."""
        dataset = LesionDataset(
            self.cache,
            self.training,
            augmentation=self.recipe.augmentation,
            crop=self.recipe.input.crop,
            seed=self.recipe.training.seed,
            masks=len(ATTRIBUTES) + self.recipe.network.lesion_map,
        )
        group = self.group
        batches = RunBatches(self.plan, start=start, rank=group.rank, world_size=group.world_size)
        return make_loader(dataset, batches, self.recipe, group)

    def validate(self, network: nn.Module) -> Validation:
        """Return pooled Jaccard at fitted thresholds, and at 0.5."""
        assert isinstance(network, AnyAttributeNetwork)
        if not self.validation:
            return Validation({"metric": 0.0, "n": 0})
        return validate_attributes(
            network, self.cache, self.validation, self.normalizer, self.group, views=self.views
        )

    def draw(self, network: nn.Module) -> list[NDArray[np.uint8]]:
        """Return overlays of the first validation photographs, truth left, prediction right."""
        assert isinstance(network, AnyAttributeNetwork)
        return draw_attribute_samples(network, self.cache, self.validation, self.normalizer)


def find_rarest(masks: NDArray[np.uint8], places: Sequence[int]) -> list[int]:
    """Return for each photograph the rarest of its attributes, by number; 5 for none.

    Args:
        masks: (N, H, W) with one mask per bit, as in `Cache.masks`.
        places: Which of them.
    """
    present = np.array([_presences(masks[place]) for place in places])
    counts: Mapping[int, int] = dict(enumerate(present.sum(axis=0).tolist()))
    order = sorted(counts, key=lambda attribute: counts[attribute])
    return [
        next((attribute for attribute in order if row[attribute]), len(ATTRIBUTES))
        for row in present
    ]


def _presences(packed: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(unpack_masks(packed, len(ATTRIBUTES)).any(axis=(1, 2)))
