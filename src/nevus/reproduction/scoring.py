"""A row on one fold: photographs predicted with its trainings and scored officially."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nevus.data.attribute_masks import find_attribute_records
from nevus.data.cases import find_cases
from nevus.data.folds import read_validation_ids
from nevus.data.records import find_records
from nevus.errors import DataError
from nevus.evaluation.attribute_scores import score_attributes
from nevus.evaluation.class_scores import score_diagnosis
from nevus.evaluation.scores import score_segmentation
from nevus.inference.attribute_predictor import predict_attribute_folder
from nevus.inference.attributor import load_attributor
from nevus.inference.diagnoser import load_diagnoser
from nevus.inference.diagnosis_predictor import predict_diagnosis_folder
from nevus.inference.inputs import Failure
from nevus.inference.network import load_network
from nevus.inference.postprocess import CHALLENGE_STEPS, PAPER_STEPS
from nevus.inference.predictor import Ensemble, Progress, predict_folder
from nevus.reproduction.galleries import shrink_gallery
from nevus.reproduction.rows import RowSpec
from nevus.reproduction.trainings import Place, Training

NAMED_STEPS: dict[str, Sequence[Mapping[str, Any]]] = {
    "none": (),
    "challenge": CHALLENGE_STEPS,
    "paper": PAPER_STEPS,
}


@dataclass(frozen=True)
class Scored:
    """A row's scores on one fold.

    Attributes:
        value: The table's metric.
        arrays: One entry per photograph, sorted by image_id; ``image_ids`` among them.
    """

    value: float
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Task:
    """What is to be predicted, where and on what.

    Attributes:
        row: How photographs are predicted.
        trainings: The row's, finished.
        place: Data and results.
        out: Folder for predictions; emptied first.
        device: Where networks run.
        progress: Called with (done, total); may raise to stop.
    """

    row: RowSpec
    trainings: tuple[Training, ...]
    place: Place
    out: Path
    device: torch.device
    progress: Progress | None = None

    @property
    def checkpoints(self) -> list[Path]:
        """The checkpoints, with the row's gallery where it asks for one."""
        if not self.row.per_class:
            return [self.place.checkpoint(training) for training in self.trainings]
        return [self._shrink(training) for training in self.trainings]

    def choose(self, found: Sequence[tuple[str, Path]]) -> list[Path]:
        """Return the photographs that are scored."""
        wanted = read_validation_ids(self.place.scored(self.trainings[0]))
        return [image for image_id, image in found if image_id in wanted]

    def _shrink(self, training: Training) -> Path:
        path = self.place.gallery(training, self.row.per_class)
        seed = training.recipe.training.seed
        source = self.place.checkpoint(training)
        shrink_gallery(source, path, per_class=self.row.per_class, seed=seed)
        return path


def score_masks(task: Task) -> Scored:
    """Return task 1 scores; arrays ``jaccard`` and ``threshold_jaccard``."""
    images = task.choose([(r.image_id, r.image) for r in find_records(task.place.data)])
    members = [load_network(path, task.device) for path in task.checkpoints]
    steps = NAMED_STEPS[task.row.steps] if isinstance(task.row.steps, str) else task.row.steps
    _refuse(
        predict_folder(Ensemble(members), images, task.out, steps=steps, progress=task.progress)
    )
    scores = score_segmentation(task.place.data, task.out, subset=True)
    arrays: dict[str, NDArray[Any]] = {"image_ids": np.array(list(scores.per_image))}
    for name in ("jaccard", "threshold_jaccard"):
        arrays[name] = np.array([row[name] for row in scores.per_image.values()])
    return Scored(scores.means["threshold_jaccard"], arrays)


def score_maps(task: Task) -> Scored:
    """Return task 2 scores; array ``shares`` (N, 5, 4)."""
    images = task.choose([(r.image_id, r.image) for r in find_attribute_records(task.place.data)])
    members = [load_attributor(path, task.device) for path in task.checkpoints]
    _refuse(
        predict_attribute_folder(
            members, images, task.out, rules=members[0].rules, progress=task.progress
        )
    )
    scores = score_attributes(task.place.data, task.out, subset=True)
    arrays = {"image_ids": np.array(scores.image_ids), "shares": scores.shares}
    return Scored(scores.pooled_jaccard, arrays)


def score_classes(task: Task) -> Scored:
    """Return task 3 scores; arrays ``truth``, ``probabilities``, ``weights``, ``lesions``."""
    images = task.choose([(case.image_id, case.image) for case in find_cases(task.place.data)])
    members = [load_diagnoser(path, task.device, by=task.row.by) for path in task.checkpoints]
    _refuse(predict_diagnosis_folder(members, images, task.out, progress=task.progress))
    scores = score_diagnosis(task.place.data, task.out / "diagnosis.csv", subset=True)
    cases = scores.cases
    arrays = {
        "image_ids": np.array(cases.image_ids),
        "truth": cases.truth,
        "probabilities": cases.probabilities,
        "weights": cases.weights,
        "lesions": np.array([one.lesion_id or "" for one in cases.facts]),
    }
    return Scored(scores.balanced_accuracy, arrays)


SCORERS: dict[str, Callable[[Task], Scored]] = {
    "segmentation": score_masks,
    "attributes": score_maps,
    "diagnosis": score_classes,
}
"""Each value: ``Task -> Scored``, by task; the numbers are those of `nevus evaluate`."""


def score_row(task: Task) -> Scored:
    """Predict and score a row on one fold.

    Raises:
        NevusError: As loading, predicting and scoring raise.
    """
    shutil.rmtree(task.out, ignore_errors=True)
    return SCORERS[task.trainings[0].recipe.task](task)


def _refuse(failures: Sequence[Failure]) -> None:
    if failures:
        raise DataError(f"{len(failures)} photographs failed, first: {failures[0].text}")
