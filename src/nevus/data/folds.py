"""Folds that are a pure function of ids, groups and seed, and never split a group."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeGuard

import numpy as np

from nevus.errors import DataError, UsageError

Folds = tuple[tuple[str, ...], ...]
SPLIT_HINT = (
    'split.json of a run or of nevus data split: {"training": [image_id, ...], "validation": [...]}'
)


def split_folds(
    image_ids: Iterable[str],
    groups: Mapping[str, str],
    folds: int,
    seed: int,
    *,
    strata: Mapping[str, str] | None = None,
) -> Folds:
    """Return `folds` validation sets that together hold every photograph once.

    Sizes differ by at most the size of the largest group.

    Args:
        image_ids: In any order; the order does not matter.
        groups: image_id to group; a photograph without one is a group of its own.
        folds: How many, at least 2.
        seed: Another seed gives another split.
        strata: image_id to class: each class is spread evenly too, as far as groups allow.

    Raises:
        UsageError: `folds` is below 2.
        DataError: There are fewer groups than folds, or a photograph has no class.
    """
    if folds < 2:
        raise UsageError(f"{folds} folds: at least 2 are needed")
    members: dict[str, list[str]] = defaultdict(list)
    for image_id in sorted(set(image_ids)):
        members[groups.get(image_id, image_id)].append(image_id)
    if len(members) < folds:
        raise DataError(f"{len(members)} groups of photographs cannot make {folds} folds")
    names = sorted(members)
    order = np.random.default_rng(seed).permutation(len(names))
    # Large groups first into the emptiest fold: sizes end up within one group of each other.
    shuffled = sorted((names[i] for i in order), key=lambda name: -len(members[name]))
    in_order = [members[name] for name in shuffled]
    chosen = _fill(in_order, folds) if strata is None else _fill_evenly(in_order, folds, strata)
    return tuple(tuple(sorted(fold)) for fold in chosen)


def parse_fold(text: str) -> tuple[int, int]:
    """Return (k, n) for ``k/n``, k counting from 0.

    Raises:
        UsageError: The text is no such fraction, or k is not below n.
    """
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text.strip())
    if not match:
        raise UsageError(f"{text!r} is no fold", hint="K/N with K counting from 0, such as 0/5")
    fold, folds = int(match[1]), int(match[2])
    if folds < 2:
        raise UsageError(f"fold {text.strip()}: at least 2 folds are needed", hint="such as 0/5")
    if fold >= folds:
        raise UsageError(f"fold {text.strip()}: {folds} folds are numbered 0 to {folds - 1}")
    return fold, folds


def read_validation_ids(path: Path) -> frozenset[str]:
    """Return the image_ids that a run did not train on.

    Args:
        path: ``split.json`` of a run folder or of `nevus data split`.

    Raises:
        DataError: No such file, or not a run's split.
    """
    document = _read_json(path)
    validation = document.get("validation") if isinstance(document, dict) else None
    if not _is_fold(validation):
        raise DataError(f"{path} is no split", hint=SPLIT_HINT)
    return frozenset(validation)


def _fill(groups: Iterable[list[str]], folds: int) -> list[list[str]]:
    chosen: list[list[str]] = [[] for _ in range(folds)]
    for group in groups:
        min(chosen, key=len).extend(group)
    return chosen


def _fill_evenly(
    groups: Iterable[list[str]], folds: int, strata: Mapping[str, str]
) -> list[list[str]]:
    listed = list(groups)
    without = sorted(i for group in listed for i in group if i not in strata)
    if without:
        raise DataError(f"{len(without)} photographs have no class, such as {without[0]}")
    totals = Counter(strata[i] for group in listed for i in group)
    largest = max(map(len, listed))
    chosen: list[list[str]] = [[] for _ in range(folds)]
    counts: list[Counter[str]] = [Counter() for _ in range(folds)]

    def rarest(group: list[str]) -> int:
        return min(totals[strata[i]] for i in group)

    # Rare classes first, while every fold still has room for them.
    for group in sorted(listed, key=lambda group: (-len(group), rarest(group))):
        smallest = min(map(len, chosen))
        classes = Counter(strata[i] for i in group)
        fold = min(
            (k for k in range(folds) if len(chosen[k]) + len(group) <= smallest + largest),
            key=lambda k: (_crowding(counts[k], classes, totals), len(chosen[k])),
        )
        chosen[fold].extend(group)
        counts[fold].update(classes)
    return chosen


def _crowding(present: Counter[str], added: Counter[str], totals: Counter[str]) -> float:
    # How much the sum over folds of squared class shares grows: rare classes weigh more.
    return sum(
        ((present[name] + n) ** 2 - present[name] ** 2) / totals[name] ** 2
        for name, n in added.items()
    )


def _read_json(path: Path) -> object:
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}", hint=SPLIT_HINT) from error
    return document


def _is_fold(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
