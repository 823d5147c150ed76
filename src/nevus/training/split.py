"""Who trains and who validates."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nevus.data.attribute_masks import find_attribute_records
from nevus.data.cache import Progress
from nevus.data.cases import Case, find_cases
from nevus.data.folds import SPLIT_HINT, split_folds
from nevus.data.grouping import find_pairs_file, group_cases
from nevus.data.lookalikes import find_lookalikes, group_lookalikes
from nevus.data.records import Record, find_records
from nevus.errors import DataError, UsageError
from nevus.labels import TASKS

FOLD_SEED = 2018
"""All recipes and runs share their folds, so that their scores can be compared."""
SHOWN = 3
"""So many photographs are named where a split is wrong."""


@dataclass(frozen=True)
class Split:
    """Who trains and who validates, by image_id."""

    training: tuple[str, ...]
    validation: tuple[str, ...]


def split_root(
    task: str, root: Path, fold: tuple[int, int], *, progress: Progress | None = None
) -> Split:
    """Return the split that a training of this task on this data would take.

    Args:
        task: ``segmentation``, ``attributes`` or ``diagnosis``.
        root: Its data root.
        fold: Fold k of n, k from 0.
        progress: Called with (done, total) while looks are compared.

    Raises:
        UsageError: There is no such task.
        DataError: As the task's reader says; or there are too few photographs.
    """
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}", hint=f"one of {', '.join(TASKS)}")
    if task == "diagnosis":
        return make_case_split(find_cases(root), fold, progress=progress)
    if task == "segmentation":
        return make_split(find_records(root), fold, progress=progress)
    records = [Record(one.image_id, one.image) for one in find_attribute_records(root)]
    return make_split(records, fold, progress=progress)


def make_split(
    records: Sequence[Record], fold: tuple[int, int] | None, *, progress: Progress | None = None
) -> Split:
    """Return fold k of n as validation and the rest as training, look-alikes kept together."""
    image_ids = tuple(record.image_id for record in records)
    if fold is None:
        return Split(image_ids, ())
    groups = group_lookalikes(image_ids, _find_pairs(records, progress))
    return _keep(image_ids, split_folds(image_ids, groups, fold[1], FOLD_SEED)[fold[0]])


def make_case_split(
    cases: Sequence[Case], fold: tuple[int, int] | None, *, progress: Progress | None = None
) -> Split:
    """Return fold k of n: lesions and look-alikes kept together, classes spread evenly."""
    image_ids = tuple(case.image_id for case in cases)
    if fold is None:
        return Split(image_ids, ())
    records = [Record(case.image_id, case.image) for case in cases]
    groups = group_cases(cases, _find_pairs(records, progress))
    strata = {case.image_id: case.diagnosis for case in cases}
    folds = split_folds(image_ids, groups, fold[1], FOLD_SEED, strata=strata)
    return _keep(image_ids, folds[fold[0]])


def _find_pairs(records: Sequence[Record], progress: Progress | None) -> list[tuple[str, str]]:
    known = find_pairs_file(record.image for record in records)
    return find_lookalikes(records, known, progress=progress)


def _keep(image_ids: tuple[str, ...], validation: Iterable[str]) -> Split:
    kept = set(validation)
    return Split(tuple(i for i in image_ids if i not in kept), tuple(sorted(kept)))


def split_digest(split: Split) -> str:
    """Return a short name of who validates, for manifests."""
    names = "\n".join(split.validation).encode(errors="surrogateescape")
    return hashlib.sha256(names).hexdigest()[:16]


def read_split(path: Path) -> Split:
    """Return a split from its JSON file.

    Raises:
        DataError: The file is missing or no split, or names a photograph twice.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        split = Split(_take_ids(stored["training"]), _take_ids(stored["validation"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is missing or no split", hint=SPLIT_HINT) from error
    both = set(split.training) & set(split.validation)
    if both:
        raise DataError(
            f"{path} both trains and validates on {_name_few(both)}",
            hint="name each photograph on one side",
        )
    counts = Counter(split.training + split.validation)
    doubles = {image_id for image_id, count in counts.items() if count > 1}
    if doubles:
        raise DataError(f"{path} names twice {_name_few(doubles)}", hint="name each once")
    return split


def _take_ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("no list of image_ids")
    return tuple(value)


def _name_few(image_ids: Collection[str]) -> str:
    more = ", ..." if len(image_ids) > SHOWN else ""
    return f"{len(image_ids)} photographs: {', '.join(sorted(image_ids)[:SHOWN])}{more}"
