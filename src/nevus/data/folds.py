"""Folds that are a pure function of ids, groups and seed, and never split a group."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from nevus.errors import DataError, UsageError


def split_folds(
    image_ids: Iterable[str], groups: Mapping[str, str], folds: int, seed: int
) -> tuple[tuple[str, ...], ...]:
    """Return `folds` validation sets that together hold every photograph once.

    Args:
        image_ids: In any order; the order does not matter.
        groups: image_id to group; a photograph without one is a group of its own.
        folds: How many, at least 2.
        seed: Another seed gives another split.

    Raises:
        DataError: There are fewer groups than folds.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for image_id in sorted(set(image_ids)):
        members[groups.get(image_id, image_id)].append(image_id)
    if len(members) < folds:
        raise DataError(f"{len(members)} groups of photographs cannot make {folds} folds")
    names = sorted(members)
    order = np.random.default_rng(seed).permutation(len(names))
    # Large groups first into the emptiest fold: sizes end up within one group of each other.
    shuffled = sorted((names[i] for i in order), key=lambda name: -len(members[name]))
    chosen: list[list[str]] = [[] for _ in range(folds)]
    for name in shuffled:
        min(chosen, key=len).extend(members[name])
    return tuple(tuple(sorted(fold)) for fold in chosen)


def parse_fold(text: str) -> tuple[int, int]:
    """Return (k, n) for ``k/n``, k counting from 0.

    Raises:
        UsageError: The text is no such fraction, or k is not below n.
    """
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text.strip())
    if not match:
        raise UsageError(f"{text!r} is no fold", hint="K/N, for example 0/5")
    fold, folds = int(match[1]), int(match[2])
    if folds < 2 or fold >= folds:
        raise UsageError(f"fold {text}: there are folds 0 to {max(folds - 1, 0)} of {folds}")
    return fold, folds
