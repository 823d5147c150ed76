"""Who trains and who validates."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from nevus.data.folds import split_folds
from nevus.data.grouping import find_pairs_file
from nevus.data.lookalikes import find_lookalikes, group_lookalikes
from nevus.data.records import Record
from nevus.errors import DataError

FOLD_SEED = 2018
"""All recipes and runs share their folds, so that their scores can be compared."""


@dataclass(frozen=True)
class Split:
    """Who trains and who validates, by image_id."""

    training: tuple[str, ...]
    validation: tuple[str, ...]


def make_split(records: tuple[Record, ...], fold: tuple[int, int] | None) -> Split:
    """Return fold k of n as validation and the rest as training, look-alikes kept together."""
    image_ids = tuple(record.image_id for record in records)
    if fold is None:
        return Split(image_ids, ())
    groups = group_lookalikes(
        image_ids, find_lookalikes(records, find_pairs_file(r.image for r in records))
    )
    validation = split_folds(image_ids, groups, fold[1], FOLD_SEED)[fold[0]]
    kept = set(validation)
    return Split(tuple(i for i in image_ids if i not in kept), tuple(sorted(kept)))


def split_digest(split: Split) -> str:
    """Return a short name of who validates, for manifests."""
    return hashlib.sha256("\n".join(split.validation).encode()).hexdigest()[:16]


def read_split(path: Path) -> Split:
    """Return a split from its JSON file.

    Raises:
        DataError: The file is missing or no split.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Split(tuple(stored["training"]), tuple(stored["validation"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is missing or no split", hint="split.json of a run folder"
        ) from error
