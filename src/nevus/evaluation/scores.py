"""Task 1 scores of a folder of masks, equal to the official scorer's, with intervals."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nevus.errors import DataError
from nevus.evaluation.bootstrap import interval
from nevus.evaluation.counting import count_pairs
from nevus.evaluation.pairs import Pairing, find_truth_folder, open_masks, pair_masks
from nevus.evaluation.writing import write_result
from nevus.imaging.cells import guard_cell
from nevus.labels import NOTICE
from nevus.metrics.masks import SEGMENTATION_METRICS, Counts

_SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class SegmentationScores:
    """What task 1 is worth, over photographs and for each.

    Args:
        n: How many photographs were scored.
        means: metric -> mean over photographs, in [0, 1].
        ci95: metric -> low and high of the 95 % bootstrap interval over photographs;
            (nan, nan) for a single photograph.
        per_image: image_id -> metric -> value, sorted by image_id.
        counts: image_id -> the pixel counts behind the values.
        subset: Whether only photographs with a prediction were asked for.
        left_out: image_ids of the truth without a prediction; empty unless `subset`.
        ignored: Names of predictions without a truth; empty unless `subset`.
    """

    n: int
    means: Mapping[str, float]
    ci95: Mapping[str, tuple[float, float]]
    per_image: Mapping[str, Mapping[str, float]]
    counts: Mapping[str, Counts]
    subset: bool = False
    left_out: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return what `nevus evaluate segmentation --json` prints, free of NaN.

        An interval that cannot be computed is None. The key ``subset`` is there only where a
        part of the photographs was scored.
        """
        answer: dict[str, object] = {"notice": NOTICE, "n": self.n, **self.means}
        answer["ci95"] = {
            name: None if math.isnan(low) else [low, high]
            for name, (low, high) in self.ci95.items()
        }
        answer["per_image"] = {key: dict(values) for key, values in self.per_image.items()}
        if self.subset:
            answer["subset"] = {"left_out": len(self.left_out), "ignored": len(self.ignored)}
        return answer


def score_segmentation(
    truth: Path,
    prediction: Path,
    *,
    workers: int | None = None,
    subset: bool = False,
) -> SegmentationScores:
    """Score masks against the truth by the rules of ISIC 2018 task 1.

    A pixel is lesion where its value is > 128. Every photograph of the truth needs exactly one
    prediction of its own size; all findings are reported at once.

    Args:
        truth: Folder or zip of ``ISIC_*_segmentation.png``, or a data root holding one.
        prediction: Folder or zip of masks.
        workers: Threads that decode; by default one per core, at most 8.
        subset: Score only photographs that have both a truth and a prediction, e.g. one fold.

    Raises:
        DataError: Files are missing, extra, doubled, of wrong size, or unreadable; `problems`
            lists every one.
        UsageError: A path does not exist.
        ArchiveError: A zip is damaged.
    """
    with ExitStack() as stack:
        truth_files = stack.enter_context(open_masks(find_truth_folder(truth)))
        predictions = stack.enter_context(open_masks(prediction))
        pairing = pair_masks(truth_files, predictions)
        outcomes = count_pairs([(p.truth, p.prediction) for p in pairing.pairs], workers)
    problems = _find_problems(pairing, subset)
    problems += [text for outcome in outcomes if isinstance(outcome, tuple) for text in outcome]
    if not pairing.pairs and not problems:
        problems.append(f"no photograph has both a truth in {truth} and a mask in {prediction}")
    if problems:
        raise _make_error(truth, prediction, problems, apart=bool(pairing.missing) and not subset)
    counts = {
        pair.image_id: outcome
        for pair, outcome in zip(pairing.pairs, outcomes, strict=True)
        if isinstance(outcome, Counts)
    }
    return make_scores(counts, subset=subset, left_out=pairing.missing, ignored=pairing.extra)


def make_scores(
    counts: Mapping[str, Counts],
    *,
    subset: bool = False,
    left_out: Sequence[str] = (),
    ignored: Sequence[str] = (),
) -> SegmentationScores:
    """Turn pixel counts into values per photograph, means and intervals.

    Args:
        counts: image_id -> counts, at least one.
        subset: As in `SegmentationScores`.
        left_out: As in `SegmentationScores`.
        ignored: As in `SegmentationScores`.
    """
    ordered = dict(sorted(counts.items()))
    per_image = {
        image_id: {name: metric(one) for name, metric in SEGMENTATION_METRICS.items()}
        for image_id, one in ordered.items()
    }
    columns = {
        name: np.array([values[name] for values in per_image.values()])
        for name in SEGMENTATION_METRICS
    }
    return SegmentationScores(
        n=len(ordered),
        means={name: float(column.mean()) for name, column in columns.items()},
        ci95={name: interval(column) for name, column in columns.items()},
        per_image=per_image,
        counts=ordered,
        subset=subset,
        left_out=tuple(left_out),
        ignored=tuple(ignored),
    )


def _find_problems(pairing: Pairing, subset: bool) -> list[str]:
    problems = list(pairing.problems)
    if not subset:
        problems += [f"{image_id} has no prediction" for image_id in pairing.missing]
        problems += [f"{name!r} has no truth" for name in pairing.extra]
    return problems


def _make_error(
    truth: Path, prediction: Path, problems: Sequence[str], *, apart: bool
) -> DataError:
    shown = "; ".join(problems[:_SHOWN_PROBLEMS])
    rest = len(problems) - _SHOWN_PROBLEMS
    more = f"; and {rest} more" if rest > 0 else ""
    return DataError(
        f"{prediction} cannot be scored against {truth}, {len(problems)} problems: {shown}{more}",
        problems=problems,
        hint=_find_hint(problems, apart=apart),
    )


def _find_hint(problems: Sequence[str], *, apart: bool) -> str | None:
    if any("_attribute_" in text for text in problems):
        return "lesion masks alone are wanted: nevus predict segmentation --out FOLDER"
    return "--subset scores only photographs with a prediction" if apart else None


def write_csv(path: Path, scores: SegmentationScores) -> None:
    """Write one row per photograph: image_id, every metric, the four pixel counts.

    Raises:
        DiskFullError: No space is left.
        UsageError: The folder does not exist or cannot be written.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image_id", *SEGMENTATION_METRICS, "tp", "fp", "fn", "tn"])
    for image_id, values in scores.per_image.items():
        counts = asdict(scores.counts[image_id])
        writer.writerow([guard_cell(image_id), *values.values(), *counts.values()])
    write_result(path, stream.getvalue().encode(errors="backslashreplace"))
