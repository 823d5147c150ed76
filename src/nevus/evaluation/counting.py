"""Pixel counts of many pairs of masks, decoded in threads, each fault kept as a sentence."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt

from nevus.errors import ImageError
from nevus.evaluation.pairs import MaskFile
from nevus.imaging.masks import read_scored
from nevus.metrics.masks import Counts, count
from nevus.processors import count_processors

Outcome = Counts | tuple[str, ...]
"""The counts, or the sentences that say why there are none."""

_MAX_WORKERS: Final = 8
_LARGE_BLOCK: Final = 30 << 20


def count_pairs(
    pairs: Sequence[tuple[MaskFile, MaskFile]], workers: int | None = None
) -> list[Outcome]:
    """Return the outcome of every pair, in their order.

    Args:
        pairs: Truth and prediction.
        workers: Threads; by default one per core, at most 8.
    """
    number = workers if workers is not None else min(count_processors(), _MAX_WORKERS)
    # glibc hands freed masks back to the system and fetches them page by page for the next
    # photograph, up to 60 % of the time, until it has seen a block this large come and go.
    # Nothing is written to the block, so it costs no memory.
    np.empty(_LARGE_BLOCK, dtype=np.uint8)
    if number <= 1:
        return [_count_pair(truth, prediction) for truth, prediction in pairs]
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda pair: _count_pair(*pair), pairs))


def _count_pair(truth: MaskFile, prediction: MaskFile) -> Outcome:
    problems: list[str] = []
    wanted = _read_or_note(truth, problems)
    found = _read_or_note(prediction, problems)
    if wanted is None or found is None:
        return tuple(problems)
    if wanted.shape != found.shape:
        size, expected = (" x ".join(map(str, mask.shape)) for mask in (found, wanted))
        return (f"{prediction.name!r} is {size}, its truth {expected} (height x width)",)
    return count(wanted, found)


def _read_or_note(file: MaskFile, problems: list[str]) -> npt.NDArray[np.bool_] | None:
    try:
        return read_scored(file.open())
    except ImageError as error:
        text = str(error)
        problems.append(text if file.name in text else f"{file.name!r}: {text}")
        return None
