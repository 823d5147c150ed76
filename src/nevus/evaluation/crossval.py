"""Cross-validation: train every fold, predict its validation photographs, score them together.

Each stage leaves a file behind and is left out where the file is there, so that an interrupted
cross-validation goes on where it stopped.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nevus.data.folds import read_validation_ids
from nevus.data.records import find_records
from nevus.errors import DataError
from nevus.evaluation.scores import SegmentationScores, score_segmentation
from nevus.inference.network import load_network
from nevus.inference.predictor import Ensemble, predict_folder
from nevus.labels import NOTICE
from nevus.recipe import Recipe
from nevus.training.distributed import choose_device
from nevus.training.journal import Reporter
from nevus.training.run import RunFolder
from nevus.training.train import Outcome, TrainOptions, train

METRICS = ("threshold_jaccard", "jaccard", "dice", "accuracy", "sensitivity", "specificity")


@dataclass(frozen=True)
class FoldResult:
    """One fold's scores on the photographs it did not train on.

    Attributes:
        fold: Its number.
        scores: Official scores at each photograph's own size.
    """

    fold: int
    scores: SegmentationScores


@dataclass(frozen=True)
class CrossValidation:
    """Scores of all folds that are done.

    Attributes:
        recipe: Its name.
        folds: How many there are in all.
        results: One per finished fold.
        outcome: How the last sitting of training ended.
    """

    recipe: str
    folds: int
    results: tuple[FoldResult, ...]
    outcome: Outcome | None

    def summary(self) -> dict[str, dict[str, float]]:
        """Return per metric the mean over folds and the standard deviation between folds."""
        table: dict[str, dict[str, float]] = {}
        for name in METRICS:
            values = [result.scores.means[name] for result in self.results]
            spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
            table[name] = {"mean": float(np.mean(values)), "spread": spread}
        return table

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; a spread of one fold is null."""
        summary = {
            name: {key: value if value == value else None for key, value in row.items()}
            for name, row in self.summary().items()
        }
        folds = {
            str(result.fold): {"n": result.scores.n, **result.scores.means}
            for result in self.results
        }
        return {
            "notice": NOTICE,
            "recipe": self.recipe,
            "folds": self.folds,
            "folds_done": len(self.results),
            "n": sum(result.scores.n for result in self.results),
            "summary": summary if self.results else {},
            "per_fold": folds,
        }


def cross_validate(
    recipe: Recipe,
    options: TrainOptions,
    *,
    folds: int = 5,
    only: Sequence[int] | None = None,
    reporter: Reporter | None = None,
    note: Callable[[str], None] = lambda _text: None,
) -> CrossValidation:
    """Train, predict and score every fold; go on where an earlier call stopped.

    Args:
        recipe: See `nevus.recipe`.
        options: `out` holds one run folder per fold; `fold` and `resume` are set here.
        folds: How many.
        only: Just these folds; default all.
        reporter: Who watches training.
        note: Takes a line per stage.

    Raises:
        NevusError: As `train`, prediction and scoring raise.
    """
    results: list[FoldResult] = []
    outcome: Outcome | None = None
    chosen = range(folds) if only is None else sorted(only)
    for fold in chosen:
        folder = RunFolder(options.out / f"fold-{fold}-of-{folds}")
        masks = folder.path / "masks"
        if not (folder.path / "scores.json").is_file():
            sitting = replace(options, out=folder.path, fold=(fold, folds), resume=True)
            note(f"fold {fold} of {folds}: training")
            outcome = train(recipe, sitting, reporter=reporter)
            if not outcome.finished:
                break
            note(f"fold {fold} of {folds}: predicting")
            _predict_fold(recipe, options, folder, masks)
        scores = score_segmentation(options.data, masks, subset=True)
        text = json.dumps(scores.to_json(), allow_nan=False)
        (folder.path / "scores.json").write_text(text, encoding="utf-8")
        results.append(FoldResult(fold, scores))
    validation = CrossValidation(recipe.name, folds, tuple(results), outcome)
    path = options.out / "crossval.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(validation.to_json(), indent=1), encoding="utf-8")
    return validation


def _predict_fold(recipe: Recipe, options: TrainOptions, folder: RunFolder, masks: Path) -> None:
    wanted = read_validation_ids(folder.split)
    images = [r.image for r in find_records(options.data) if r.image_id in wanted]
    network = load_network(folder.checkpoint("best"), choose_device(options.device))
    steps = recipe.prediction.steps
    failures = predict_folder(Ensemble([network]), images, masks, steps=steps)
    if failures:
        raise DataError(f"{len(failures)} photographs failed, first: {failures[0].text}")
