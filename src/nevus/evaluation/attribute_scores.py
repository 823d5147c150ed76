"""Task 2 scores of a folder of masks, equal to the official scorer's library, with intervals."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nevus.errors import DataError
from nevus.evaluation.attribute_pairs import find_attribute_truth, pair_attributes, read_presences
from nevus.evaluation.counting import count_pairs
from nevus.evaluation.pairs import open_masks
from nevus.evaluation.resampling import find_interval
from nevus.evaluation.writing import write_result
from nevus.imaging.cells import guard_cell
from nevus.labels import ATTRIBUTES, NOTICE
from nevus.metrics.attributes import normalise, pool_dice, pool_jaccard, score_presences
from nevus.metrics.masks import Counts

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
RESAMPLES: Final = 2000
_CHUNK: Final = 200
_SHOWN: Final = 3


@dataclass(frozen=True)
class AttributeScores:
    """What task 2 is worth, over photographs and for each attribute.

    Attributes:
        image_ids: The photographs scored, sorted.
        shares: (N, 5, 4) of each photograph and attribute: tp, fp, fn, tn, summing to 1.
        likely: (N, 5) probabilities that the attribute is there at all, or None.
        ci95: Score -> low and high of the 95 % bootstrap interval over photographs: ``pooled_*``,
            ``<attribute>.jaccard``, ``<attribute>.dice`` and, where `likely` is given,
            ``<attribute>.auc``, ``<attribute>.average_precision``; (nan, nan) where not defined.
        left_out: image_ids of the truth without a prediction; empty unless a subset was asked for.
    """

    image_ids: tuple[str, ...]
    shares: Floats
    likely: Floats | None
    ci95: Mapping[str, tuple[float, float]]
    left_out: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many photographs were scored."""
        return len(self.image_ids)

    @property
    def present(self) -> Flags:
        """(N, 5) whether any pixel of the truth shows the attribute."""
        return np.asarray(self.shares[:, :, 0] + self.shares[:, :, 2] > 0, np.bool_)

    @property
    def pooled_jaccard(self) -> float:
        """The score that ranks task 2."""
        return float(pool_jaccard(self.shares.sum(axis=(0, 1))))

    @property
    def pooled_dice(self) -> float:
        """The same with Dice."""
        return float(pool_dice(self.shares.sum(axis=(0, 1))))

    def per_attribute(self) -> dict[str, dict[str, float]]:
        """Return attribute -> jaccard, dice, photographs that show it; auc, average_precision."""
        sums, shown = self.shares.sum(axis=0), self.present.sum(axis=0)
        columns: dict[str, Sequence[float]] = {
            "jaccard": pool_jaccard(sums).tolist(),
            "dice": pool_dice(sums).tolist(),
            "photographs": shown.tolist(),
        }
        if self.likely is not None:
            auc, precision = score_presences(self.present, self.likely).T.tolist()
            columns |= {"auc": auc, "average_precision": precision}
        return {
            name: {score: values[place] for score, values in columns.items()}
            for place, name in enumerate(ATTRIBUTES)
        }

    def to_json(self) -> dict[str, Any]:
        """Return what `nevus evaluate attributes --json` prints; what is not defined is None."""
        answer: dict[str, Any] = {
            "notice": NOTICE,
            "n": self.n,
            "pooled_jaccard": self.pooled_jaccard,
            "pooled_dice": self.pooled_dice,
            "per_attribute": {
                name: {score: None if math.isnan(value) else value for score, value in row.items()}
                for name, row in self.per_attribute().items()
            },
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
    predictions of its own size; all findings are reported at once. Presences are scored where
    ``presences.json`` lies beside the predictions and tells those of every photograph.

    Args:
        truth: Folder or zip of ``ISIC_*_attribute_*.png``, or a data root holding one.
        prediction: Folder or zip of masks by the same names.
        workers: Threads that decode; by default one per core, at most 8.
        subset: Score only photographs that have predictions, e.g. one fold; five each.

    Raises:
        DataError: Files are missing, extra, doubled, misspelt, of wrong size or unreadable;
            `problems` lists all.
        UsageError: A path does not exist, or a data root holds several truth folders.
        ArchiveError: A zip is damaged.
    """
    with ExitStack() as stack:
        truths = stack.enter_context(open_masks(find_attribute_truth(truth)))
        predictions = stack.enter_context(open_masks(prediction))
        pairing = pair_attributes(truths, predictions, subset=subset)
        problems = list(pairing.problems)
        if not pairing.image_ids and not problems:
            problems.append(f"no photograph has masks both in {truth} and in {prediction}")
        likely = read_presences(predictions, pairing.image_ids, problems)
        outcomes = [] if problems else count_pairs(pairing.list_pairs(), workers)
    problems += [text for outcome in outcomes if isinstance(outcome, tuple) for text in outcome]
    if problems:
        apart = not subset and bool(pairing.left_out or pairing.strangers)
        raise _make_error(prediction, problems, apart=apart)
    counts = [outcome for outcome in outcomes if isinstance(outcome, Counts)]
    shares = normalise(counts).reshape(-1, len(ATTRIBUTES), 4)
    return make_attribute_scores(
        pairing.image_ids, shares, likely=likely, left_out=pairing.left_out
    )


def make_attribute_scores(
    image_ids: Sequence[str],
    shares: Floats,
    *,
    likely: Floats | None = None,
    left_out: Sequence[str] = (),
) -> AttributeScores:
    """Turn shares of each photograph into scores with intervals; arguments as `AttributeScores`."""
    ci95 = _bootstrap(shares, likely)
    return AttributeScores(tuple(image_ids), shares, likely, ci95, tuple(left_out))


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
            writer.writerow([guard_cell(image_id), name, float(pool_jaccard(row)), *row.tolist()])
    write_result(path, stream.getvalue().encode(errors="backslashreplace"))


def _bootstrap(shares: Floats, likely: Floats | None) -> dict[str, tuple[float, float]]:
    # A ratio of sums: photographs are drawn, then summed, then divided.
    number = len(shares)
    generator = np.random.default_rng(0)
    present = shares[:, :, 0] + shares[:, :, 2] > 0
    parts: list[dict[str, Floats]] = []
    for _ in range(RESAMPLES // _CHUNK):
        drawn = generator.multinomial(number, np.full(number, 1 / number), size=_CHUNK)
        times = drawn.astype(np.float64)
        parts.append(_score_drawn(times, shares, present, likely))
    nothing = (math.nan, math.nan)
    return {
        name: find_interval(np.concatenate([part[name] for part in parts]))
        if number > 1
        else nothing
        for name in parts[0]
    }


def _score_drawn(
    times: Floats, shares: Floats, present: Flags, likely: Floats | None
) -> dict[str, Floats]:
    """Return each score of R resamples, `times` (R, N) telling how often each photograph counts."""
    sums = np.tensordot(times, shares, axes=1)
    pooled = sums.sum(axis=1)
    columns = {"pooled_jaccard": pool_jaccard(pooled), "pooled_dice": pool_dice(pooled)}
    presences = None if likely is None else score_presences(present, likely, times)
    for place, name in enumerate(ATTRIBUTES):
        columns[f"{name}.jaccard"] = pool_jaccard(sums[:, place])
        columns[f"{name}.dice"] = pool_dice(sums[:, place])
        if presences is not None:
            columns[f"{name}.auc"] = presences[:, place, 0]
            columns[f"{name}.average_precision"] = presences[:, place, 1]
    return columns


def _make_error(prediction: Path, problems: Sequence[str], *, apart: bool) -> DataError:
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return DataError(
        f"{prediction} cannot be scored, {len(problems)} problems: "
        f"{'; '.join(problems[:_SHOWN])}{more}",
        problems=list(problems),
        hint="--subset scores only photographs with predictions" if apart else None,
    )
