"""Task 2 scores of a folder of masks, equal to the official scorer's library, with intervals."""

import csv
import io
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nevus.errors import DataError, ImageError, UsageError
from nevus.evaluation.pairs import MaskFile, open_masks
from nevus.evaluation.writing import write_result
from nevus.imaging.masks import read_scored
from nevus.labels import ATTRIBUTES, NOTICE
from nevus.metrics.attributes import normalise, pool_dice, pool_jaccard
from nevus.metrics.masks import Counts, count

Floats = npt.NDArray[np.float64]
NAME: Final = re.compile(rf"(?P<image_id>.+)_attribute_(?P<attribute>{'|'.join(ATTRIBUTES)})")
RESAMPLES: Final = 2000
SHOWN: Final = 3
Key = tuple[str, str]
"""(image_id, attribute)"""


@dataclass(frozen=True)
class AttributeScores:
    """What task 2 is worth, over photographs and for each attribute.

    Attributes:
        image_ids: The photographs scored, sorted.
        shares: (N, 5, 4) of each photograph and attribute: tp, fp, fn, tn, summing to 1.
        ci95: Score -> low and high of the 95 % bootstrap interval over photographs: ``pooled_*``,
            and ``<attribute>.jaccard``; (nan, nan) for a single photograph.
        left_out: image_ids of the truth without a prediction; empty unless a subset was asked for.
    """

    image_ids: tuple[str, ...]
    shares: Floats
    ci95: Mapping[str, tuple[float, float]]
    left_out: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many photographs were scored."""
        return len(self.image_ids)

    @property
    def pooled_jaccard(self) -> float:
        """The score that ranks task 2."""
        return float(pool_jaccard(self.shares.sum(axis=(0, 1))))

    @property
    def pooled_dice(self) -> float:
        """The same with Dice."""
        return float(pool_dice(self.shares.sum(axis=(0, 1))))

    def per_attribute(self) -> dict[str, dict[str, float]]:
        """Return attribute -> jaccard, dice and the number of photographs that show it."""
        sums = self.shares.sum(axis=0)
        shown = (self.shares[:, :, 0] + self.shares[:, :, 2] > 0).sum(axis=0)
        return {
            name: {
                "jaccard": float(pool_jaccard(sums[place])),
                "dice": float(pool_dice(sums[place])),
                "photographs": int(shown[place]),
            }
            for place, name in enumerate(ATTRIBUTES)
        }

    def to_json(self) -> dict[str, Any]:
        """Return what `nevus evaluate attributes --json` prints, free of NaN."""
        answer: dict[str, Any] = {
            "notice": NOTICE,
            "n": self.n,
            "pooled_jaccard": self.pooled_jaccard,
            "pooled_dice": self.pooled_dice,
            "per_attribute": self.per_attribute(),
            "ci95": {
                name: None if math.isnan(low) else [low, high]
                for name, (low, high) in self.ci95.items()
            },
        }
        if self.left_out:
            answer["subset"] = {"left_out": len(self.left_out)}
        return answer


def score_attributes(
    truth: Path, prediction: Path, *, workers: int | None = None, subset: bool = False
) -> AttributeScores:
    """Score masks against the truth by the rules of ISIC 2018 task 2.

    A pixel is inside where its value is > 128. Every photograph of the truth needs five
    predictions of its own size; all findings are reported at once.

    Args:
        truth: Folder or zip of ``ISIC_*_attribute_*.png``, or a data root holding one.
        prediction: Folder or zip of masks by the same names.
        workers: Threads that decode; by default one per core, at most 8.
        subset: Score only photographs that have five predictions, e.g. one fold.

    Raises:
        DataError: Files are missing, extra, of wrong size or unreadable; `problems` lists all.
        UsageError: A path does not exist, or a data root holds several truth folders.
        ArchiveError: A zip is damaged.
    """
    problems: list[str] = []
    with ExitStack() as stack:
        folder = find_attribute_truth(truth)
        truths = _index(stack.enter_context(open_masks(folder)), folder, problems)
        found = _index(stack.enter_context(open_masks(prediction)), prediction, problems)
        wanted = sorted({image_id for image_id, _ in truths})
        predicted = {image_id for image_id, _ in found}
        left_out = tuple(i for i in wanted if i not in predicted) if subset else ()
        chosen = [i for i in wanted if i not in left_out]
        problems += _compare(chosen, truths, found, subset=subset)
        if not chosen and not problems:
            problems.append(f"no photograph has masks both in {folder} and in {prediction}")
        if problems:
            raise _make_error(prediction, problems)
        keys = [(image_id, name) for image_id in chosen for name in ATTRIBUTES]
        outcomes = _run(lambda key: _count_pair(truths[key], found[key]), keys, workers)
    problems = [text for one in outcomes if isinstance(one, str) for text in [one]]
    if problems:
        raise _make_error(prediction, problems)
    counts = [one for one in outcomes if isinstance(one, Counts)]
    shares = normalise(counts).reshape(len(chosen), len(ATTRIBUTES), 4)
    return AttributeScores(tuple(chosen), shares, _bootstrap(shares), left_out)


def find_attribute_truth(root: Path) -> Path:
    """Return the task 2 ground-truth folder of a data root, or `root` where it is no data root.

    Raises:
        UsageError: The data root holds several.
    """
    for base in (root, root / "isic2018"):
        found = sorted(path for path in base.glob("*Task2*GroundTruth*") if path.is_dir())
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise UsageError(f"{base} holds several truth folders: {names}; name one of them")
        if found:
            return found[0]
    named = root / "attributes"
    return named if named.is_dir() else root


def write_csv(path: Path, scores: AttributeScores) -> None:
    """Write one row per photograph and attribute: tp, fp, fn, tn as shares of the photograph.

    Raises:
        DiskFullError: No space is left.
        UsageError: The folder does not exist or cannot be written.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image_id", "attribute", "jaccard", "tp", "fp", "fn", "tn"])
    for image_id, rows in zip(scores.image_ids, scores.shares, strict=True):
        for name, row in zip(ATTRIBUTES, rows, strict=True):
            writer.writerow([image_id, name, float(pool_jaccard(row)), *row.tolist()])
    write_result(path, stream.getvalue().encode())


def _index(files: Sequence[MaskFile], source: Path, problems: list[str]) -> dict[Key, MaskFile]:
    index: dict[Key, MaskFile] = {}
    for file in files:
        if not file.name.endswith(".png") or file.name.startswith("."):
            continue
        match = NAME.fullmatch(file.stem)
        if match is None:
            problems.append(f"{source.name}: {file.name!r} names no photograph and attribute")
            continue
        index[(match["image_id"], match["attribute"])] = file
    return index


def _compare(
    chosen: Sequence[str],
    truths: Mapping[Key, MaskFile],
    found: Mapping[Key, MaskFile],
    *,
    subset: bool,
) -> list[str]:
    problems = []
    for image_id in chosen:
        for what, masks in (("truth", truths), ("prediction", found)):
            lacking = [name for name in ATTRIBUTES if (image_id, name) not in masks]
            if lacking:
                problems.append(f"{image_id} has no {what} of {', '.join(lacking)}")
    if not subset:
        known = {image_id for image_id, _ in truths}
        strangers = sorted({image_id for image_id, _ in found} - known)
        problems += [f"{image_id} has predictions and no truth" for image_id in strangers]
    return problems


def _run(
    function: Callable[[Key], Counts | str], keys: Sequence[Key], workers: int | None
) -> list[Counts | str]:
    number = workers if workers is not None else min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(max(number, 1)) as pool:
        return list(pool.map(function, keys))


def _count_pair(truth: MaskFile, prediction: MaskFile) -> Counts | str:
    """Return the counts, or the sentence that says why there are none."""
    masks = []
    for file in (truth, prediction):
        try:
            masks.append(read_scored(file.open()))
        except ImageError as error:
            text = str(error)
            return text if file.name in text else f"{file.name!r}: {text}"
    if masks[0].shape != masks[1].shape:
        wanted, size = (" x ".join(map(str, mask.shape)) for mask in masks)
        return f"{prediction.name!r} is {size}, its truth {wanted} (height x width)"
    return count(masks[0], masks[1])


def _bootstrap(shares: Floats) -> dict[str, tuple[float, float]]:
    # A ratio of sums: photographs are drawn, then summed, then divided.
    number = len(shares)
    names = ["pooled_jaccard", "pooled_dice", *(f"{name}.jaccard" for name in ATTRIBUTES)]
    if number == 1:
        return dict.fromkeys(names, (math.nan, math.nan))
    generator = np.random.default_rng(0)
    drawn = np.empty((RESAMPLES, len(ATTRIBUTES), 4))
    for row in range(RESAMPLES):
        times = np.bincount(generator.integers(number, size=number), minlength=number)
        drawn[row] = np.tensordot(times, shares, axes=1)
    pooled = drawn.sum(axis=1)
    columns = [pool_jaccard(pooled), pool_dice(pooled), *pool_jaccard(drawn).T]
    bounds = [np.quantile(column, [0.025, 0.975]) for column in columns]
    return {
        name: (float(low), float(high)) for name, (low, high) in zip(names, bounds, strict=True)
    }


def _make_error(prediction: Path, problems: Sequence[str]) -> DataError:
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return DataError(
        f"{prediction} cannot be scored, {len(problems)} problems: "
        f"{'; '.join(problems[:SHOWN])}{more}",
        problems=list(problems),
        hint="--subset scores only photographs with predictions",
    )
