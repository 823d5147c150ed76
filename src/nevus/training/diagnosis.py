"""Task 3 as a workload: photographs with a diagnosis each, grouped by lesion."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nevus.data.cache import Cache, CacheItem
from nevus.data.cases import Case, find_cases
from nevus.data.dataset import Batch, LesionDataset
from nevus.data.plans import BalancedPlan, Plan, RunBatches, class_shares
from nevus.data.triplet_plan import TripletPlan
from nevus.imaging.views import UPRIGHT, View
from nevus.labels import DIAGNOSES
from nevus.models.diagnosis import DiagnosisNetwork
from nevus.models.gallery import draw_gallery
from nevus.recipe import Recipe
from nevus.training.class_validation import Examined, draw_cases, validate_diagnosis
from nevus.training.distributed import Group
from nevus.training.embedding import Embedded, embed
from nevus.training.learner import Learner, build_normalizer
from nevus.training.split import Split, make_case_split
from nevus.training.triplet import TripletLearner
from nevus.training.workload import Validation, make_loader


class DiagnosisMaterial:
    """Photographs and diagnoses below a data root.

    Args:
        recipe: The run's.
        root: A folder that `nevus.data.cases.find_cases` understands.

    Raises:
        DataError: As `find_cases`.
    """

    def __init__(self, recipe: Recipe, root: Path) -> None:
        self.recipe = recipe
        self.cases = find_cases(root)

    def items(self) -> Sequence[CacheItem]:
        """Return each photograph, without masks."""
        return [CacheItem(case.image_id, case.image) for case in self.cases]

    def split(self, fold: tuple[int, int] | None) -> Split:
        """Return fold k of n: lesions and look-alikes kept together, classes spread evenly."""
        return make_case_split(self.cases, fold)

    def open(self, cache: Cache, split: Split, group: Group) -> "DiagnosisWorkload":
        """Return the workload of decoded photographs."""
        return DiagnosisWorkload(self.recipe, self.cases, cache, split, group)


class DiagnosisWorkload:
    """Batches of single photographs or triplets, and scores by logits and by gallery.

    Args:
        recipe: The run's.
        cases: All photographs.
        cache: Photographs at the run's size.
        split: Who trains and who validates.
        group: The run's processes.
    """

    def __init__(
        self, recipe: Recipe, cases: Sequence[Case], cache: Cache, split: Split, group: Group
    ) -> None:
        self.recipe = recipe
        self.cache = cache
        self.split = split
        self.group = group
        self.normalizer = build_normalizer(recipe, group)
        label = {case.image_id: DIAGNOSES.index(case.diagnosis) for case in cases}
        self.labels = tuple(label[image_id] for image_id in split.training)
        self.truth = tuple(label[image_id] for image_id in split.validation)
        lesion = {case.image_id: case.lesion_id or case.image_id for case in cases}
        self.lesions = tuple(lesion[image_id] for image_id in split.validation)
        self.views: tuple[View, ...] = (UPRIGHT,)
        """What calibration is for; more than one takes as many times as long."""
        self.training = cache.indices(split.training)
        self.validation = cache.indices(split.validation)
        self.shares = class_shares(self.labels, recipe.classification.sampling_power)
        training = recipe.training
        self.plan: Plan = BalancedPlan(
            self.labels,
            batch_size=training.batch_size,
            epochs=training.epochs,
            seed=training.seed,
            epoch_steps=training.epoch_steps,
            power=recipe.classification.sampling_power,
        )
        chosen = draw_gallery(
            split.training, self.labels, recipe.gallery.per_class, recipe.training.seed
        )
        self._gallery = tuple(chosen)

    def batches(self, learner: Learner, start: int) -> Iterable[Batch]:
        """Return the batches from a step to the end; see `Workload.batches`."""
        if isinstance(learner, TripletLearner):
            return self._mined_batches(learner, start)
        return self._load(self.plan, start, self.plan.total, self.recipe.classification.mixup)

    def validate(self, network: nn.Module) -> Validation:
        """Return balanced accuracy by logits, by gallery and by both, and what was fitted."""
        assert isinstance(network, DiagnosisNetwork)
        gallery = self._embed(network, [self.training[place] for place in self._gallery])
        known = Examined(
            tuple(self.split.training[place] for place in self._gallery),
            tuple(self.labels[place] for place in self._gallery),
            gallery,
        )
        if not self.validation:
            return validate_diagnosis(known, None, by=self.recipe.prediction.by)
        seen, *turned = [self._embed(network, self.validation, view) for view in self.views]
        examined = Examined(
            self.split.validation, self.truth, seen, self.lesions, tuple(turned), self.views
        )
        return validate_diagnosis(known, examined, by=self.recipe.prediction.by)

    def draw(self, network: nn.Module) -> list[NDArray[np.uint8]]:
        """Return the first validation photographs, each framed: right green, wrong red."""
        assert isinstance(network, DiagnosisNetwork)
        chosen = self.validation[:8]
        if not chosen:
            return []
        seen = self._embed(network, chosen)
        return draw_cases(self.cache.images[chosen], self.truth, seen.logits)

    def _embed(
        self, network: DiagnosisNetwork, places: Sequence[int], view: View = UPRIGHT
    ) -> Embedded:
        return embed(network, self.cache, places, self.normalizer, self.group, view=view)

    def _load(self, plan: Plan, start: int, stop: int, mixup: float) -> Iterable[Batch]:
        dataset = LesionDataset(
            self.cache,
            self.training,
            augmentation=self.recipe.augmentation,
            crop=self.recipe.input.crop,
            seed=self.recipe.training.seed,
            labels=self.labels,
            mixup=mixup,
            shares=self.shares,
        )
        rank, world_size = self.group.rank, self.group.world_size
        batches = RunBatches(plan, start=start, stop=stop, rank=rank, world_size=world_size)
        return make_loader(dataset, batches, self.recipe, self.group)

    def _mined_batches(self, learner: TripletLearner, start: int) -> Iterator[Batch]:
        # One loader from mining to mining: a loader fetches ahead, and would fetch triplets of
        # negatives that are about to be renewed.
        plan = TripletPlan(
            self.plan,
            self.labels,
            learner.anchors,
            lambda: learner.mined.places,
            phases=learner.phases,
            batch_size=self.recipe.training.batch_size,
            seed=self.recipe.training.seed,
        )
        mixup, epochs = self.recipe.classification.mixup, self.recipe.training.epochs
        mined = {e * plan.steps_per_epoch for e in learner.phases.mining_epochs(epochs)}
        # Only photographs of one class make triplets: where others are mixed, phases have loaders
        # of their own.
        changes = learner.phases.changing_epochs(epochs) if mixup else []
        borders = mined | {epoch * plan.steps_per_epoch for epoch in changes}
        while start < plan.total:
            if start in mined and int(learner.mined.step) != start:
                network = learner.network
                assert isinstance(network, DiagnosisNetwork)
                learner.renew(self._embed(network, self.training).embeddings, start)
            stop = min([border for border in borders if border > start] or [plan.total])
            single = learner.phases.is_triplet(start // plan.steps_per_epoch)
            yield from self._load(plan, start, stop, 0.0 if single else mixup)
            start = stop
