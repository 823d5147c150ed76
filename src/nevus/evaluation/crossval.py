"""Cross-validation: train every fold, predict its validation photographs, score them together.

Each stage leaves a file behind and is left out where the file is there, so that an interrupted
cross-validation goes on where it stopped.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nevus.data.cache import open_cache
from nevus.errors import TrainingError, UsageError
from nevus.evaluation.fold_scores import FOLD_SCORERS, FoldScores
from nevus.imaging.files import write_atomically
from nevus.labels import NOTICE
from nevus.recipe import Recipe
from nevus.training.distributed import choose_device
from nevus.training.journal import Reporter
from nevus.training.run import RunFolder, find_changes
from nevus.training.train import MATERIALS, Outcome, TrainOptions, train


@dataclass(frozen=True)
class FoldResult:
    """One fold's scores on the photographs it did not train on.

    Attributes:
        fold: Its number.
        scores: Official scores at each photograph's own size.
    """

    fold: int
    scores: FoldScores


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
        for name in self.results[0].scores.means if self.results else ():
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
        TrainingError: `out` holds folds of another recipe or other data.
        UsageError: There is no such fold.
        NevusError: As `train`, prediction and scoring raise.
    """
    results: list[FoldResult] = []
    outcome: Outcome | None = None
    key = ""
    for fold in _choose_folds(folds, only):
        folder = RunFolder(options.out / f"fold-{fold}-of-{folds}")
        known = folder.path / "scores.json"
        if known.is_file():
            key = key or _find_key(recipe, options.data)
            _require_same(folder, recipe, key)
        else:
            sitting = replace(options, out=folder.path, fold=(fold, folds), resume=True)
            note(f"fold {fold} of {folds}: training")
            outcome = train(recipe, sitting, reporter=reporter)
            if not outcome.finished:
                break
            note(f"fold {fold} of {folds}: predicting and scoring")
            device = choose_device(options.device)
            scored = FOLD_SCORERS[recipe.task](options.data, folder, device)
            text = json.dumps(asdict(scored), allow_nan=False)
            write_atomically(known, text.encode())
        scores = FoldScores(**json.loads(known.read_text(encoding="utf-8")))
        results.append(FoldResult(fold, scores))
    validation = CrossValidation(recipe.name, folds, tuple(results), outcome)
    options.out.mkdir(parents=True, exist_ok=True)
    document = json.dumps(validation.to_json(), indent=1, allow_nan=False)
    write_atomically(options.out / "crossval.json", document.encode())
    return validation


def _choose_folds(folds: int, only: Sequence[int] | None) -> Sequence[int]:
    chosen = range(folds) if only is None else sorted(set(only))
    strange = [fold for fold in chosen if not 0 <= fold < folds]
    if strange:
        raise UsageError(f"there is no fold {strange[0]}: {folds} are numbered 0 to {folds - 1}")
    return chosen


def _find_key(recipe: Recipe, data: Path) -> str:
    items = MATERIALS[recipe.task](recipe, data).items()
    return open_cache(items, recipe.input.preparation).key


def _require_same(folder: RunFolder, recipe: Recipe, key: str) -> None:
    # Else scores of another recipe or of other data would stand in this one's table.
    changes = find_changes(folder, recipe, key)
    if changes:
        raise TrainingError(
            f"{folder.path} holds scores of another recipe or other data: {'; '.join(changes)}",
            hint="another --out",
        )
