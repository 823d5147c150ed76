"""Splits that no fold of `nevus train` gives: one that leaks lesions, one that keeps some back."""

import json
from pathlib import Path

from nevus.data.cases import find_cases
from nevus.data.folds import split_folds
from nevus.data.grouping import find_pairs_file, group_cases
from nevus.data.listing import Record
from nevus.data.lookalikes import find_lookalikes, group_lookalikes
from nevus.errors import UsageError
from nevus.imaging.files import write_atomically
from nevus.recipe import Recipe, find_recipes, read_recipe
from nevus.training.split import FOLD_SEED, Split
from nevus.training.train import MATERIALS

KEPT_BACK = 5
"""One in so many training photographs is kept back to fit thresholds on."""


def write_split(kind: str, task: str, data: Path, fold: tuple[int, int], out: Path) -> None:
    """Write ``training.json`` for `nevus train --split` and ``scored.json`` for `nevus predict`.

    Args:
        kind: ``leaking``: fold k of n of single photographs, lesions and look-alikes on both
            sides. ``held_out``: the usual fold k of n is scored; a fifth of the others is
            validated on, and what validation fits is fitted without a scored photograph.
        task: Whose photographs.
        data: Data root.
        fold: (k, n).
        out: Folder.

    Raises:
        UsageError: The kind is unknown, or leaking is asked for another task than diagnosis.
        DataError: As the task's data are found.
    """
    if kind == "leaking":
        if task != "diagnosis":
            raise UsageError(f"only the lesions of diagnosis can leak, not those of {task}")
        training = scored = make_leaking(data, fold)
    elif kind == "held_out":
        training, scored = make_held_out(task, data, fold)
    else:
        raise UsageError(f"no split {kind!r}", hint="leaking or held_out")
    out.mkdir(parents=True, exist_ok=True)
    for name, split in (("scored", scored), ("training", training)):
        write_atomically(out / f"{name}.json", json.dumps(vars(split)).encode())


def make_leaking(data: Path, fold: tuple[int, int]) -> Split:
    """Return fold k of n that ignores which photographs show one lesion."""
    cases = find_cases(data)
    image_ids = tuple(case.image_id for case in cases)
    strata = {case.image_id: case.diagnosis for case in cases}
    kept = set(split_folds(image_ids, {}, fold[1], FOLD_SEED, strata=strata)[fold[0]])
    return Split(tuple(i for i in image_ids if i not in kept), tuple(sorted(kept)))


def make_held_out(task: str, data: Path, fold: tuple[int, int]) -> tuple[Split, Split]:
    """Return a split to train with and the split that is scored, the usual fold k of n."""
    material = MATERIALS[task](_any_recipe(task), data)
    scored = material.split(fold)
    if task == "diagnosis":
        groups = group_cases(find_cases(data))
    else:
        records = [Record(item.image_id, item.image) for item in material.items()]
        pairs = find_lookalikes(records, find_pairs_file(r.image for r in records))
        groups = group_lookalikes([r.image_id for r in records], pairs)
    fitting = set(split_folds(scored.training, groups, KEPT_BACK, FOLD_SEED)[0])
    training = tuple(i for i in scored.training if i not in fitting)
    return Split(training, tuple(sorted(fitting))), scored


def _any_recipe(task: str) -> Recipe:
    # Files are found by task; which recipe asks changes nothing but whether lesions are needed.
    for name in find_recipes():
        recipe = read_recipe(name)
        if recipe.task == task and not recipe.network.lesion_map:
            return recipe
    raise UsageError(f"unknown task {task!r}")
