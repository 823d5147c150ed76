"""Predict and score the photographs a run did not train on, whatever its task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

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
from nevus.inference.predictor import Ensemble, predict_folder
from nevus.labels import ATTRIBUTES
from nevus.training.run import RunFolder


@dataclass(frozen=True)
class FoldScores:
    """Official scores of one fold, at each photograph's own size.

    Attributes:
        n: Photographs scored.
        means: Scores by name; the first one ranks the task.
        document: Everything, as `nevus evaluate --json` prints it.
    """

    n: int
    means: Mapping[str, float]
    document: Mapping[str, Any]


def score_segmentation_fold(data: Path, folder: RunFolder, device: torch.device) -> FoldScores:
    """Return task 1 scores of a run's validation photographs."""
    images = _choose([(r.image_id, r.image) for r in find_records(data)], folder)
    network = load_network(folder.checkpoint("last"), device)
    out = folder.path / "predictions"
    _refuse(predict_folder(Ensemble([network]), images, out, steps=network.options.steps))
    scores = score_segmentation(data, out, subset=True)
    return FoldScores(scores.n, dict(scores.means), scores.to_json())


def score_attribute_fold(data: Path, folder: RunFolder, device: torch.device) -> FoldScores:
    """Return task 2 scores of a run's validation photographs."""
    images = _choose([(r.image_id, r.image) for r in find_attribute_records(data)], folder)
    network = load_attributor(folder.checkpoint("last"), device)
    out = folder.path / "predictions"
    _refuse(predict_attribute_folder([network], images, out, rules=network.rules))
    scores = score_attributes(data, out, subset=True)
    each = scores.per_attribute()
    means = {"pooled_jaccard": scores.pooled_jaccard, "pooled_dice": scores.pooled_dice}
    means |= {f"jaccard_{name}": each[name]["jaccard"] for name in ATTRIBUTES}
    return FoldScores(scores.n, means, scores.to_json())


def score_diagnosis_fold(data: Path, folder: RunFolder, device: torch.device) -> FoldScores:
    """Return task 3 scores of a run's validation photographs, in each of the three ways.

    The way the recipe predicts ranks; the others stand beside it.
    """
    images = _choose([(case.image_id, case.image) for case in find_cases(data)], folder)
    checkpoint = folder.checkpoint("last")
    means: dict[str, float] = {}
    documents: dict[str, Any] = {}
    chosen = load_diagnoser(checkpoint, device).by
    for way in sorted({"logits", "gallery", "both"}, key=lambda way: way != chosen):
        out = folder.path / "predictions" / way
        network = load_diagnoser(checkpoint, device, by=way)
        _refuse(predict_diagnosis_folder([network], images, out))
        scores = score_diagnosis(data, out / "diagnosis.csv", subset=True)
        documents[way] = scores.to_json()
        means[f"balanced_accuracy_{way}"] = documents[way]["balanced_accuracy"]
        n = documents[way]["n"]
    return FoldScores(n, means, documents)


FOLD_SCORERS: dict[str, Callable[[Path, RunFolder, torch.device], FoldScores]] = {
    "segmentation": score_segmentation_fold,
    "attributes": score_attribute_fold,
    "diagnosis": score_diagnosis_fold,
}
"""Each value: ``(data root, run folder, device) -> FoldScores``, by task. The last checkpoint is
scored: the best one was chosen on the very photographs."""


def _choose(found: Sequence[tuple[str, Path]], folder: RunFolder) -> list[Path]:
    wanted = read_validation_ids(folder.split)
    return [image for image_id, image in found if image_id in wanted]


def _refuse(failures: Sequence[Failure]) -> None:
    if failures:
        raise DataError(f"{len(failures)} photographs failed, first: {failures[0].text}")
