"""A CSV of probabilities, checked as strictly as the challenge needs and written anew."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from nevus.data.cases import OFFICIAL_IMAGES
from nevus.errors import DataError, SubmissionError, UsageError
from nevus.evaluation.class_tables import (
    ClassTable,
    InspectedTable,
    compare_ids,
    inspect_predictions,
    read_predictions,
)
from nevus.evaluation.csv_rows import read_text, summarize
from nevus.evaluation.packing import Submission
from nevus.evaluation.writing import write_result
from nevus.imaging.files import is_photograph_name
from nevus.labels import DIAGNOSES

_IMAGE_ID: Final = re.compile(r"ISIC_[0-9]{7}")
_SHOWN: Final = 3
# The official scorer's reader may be off by the last digit, so that these two become one.
_CLOSE: Final = 1e-12
_SUM_TOLERANCE: Final = 0.04


def build_class_submission(
    prediction_csv: Path,
    out_csv: Path,
    *,
    images: Path | None = None,
    truth_ids: Path | None = None,
) -> Submission:
    """Check a task 3 CSV and write the one the challenge takes.

    Rows are sorted by image_id, columns put in the official order, names freed of ``.jpg``,
    values written with a point and as many digits as it takes. Nothing is mended: what the
    official scorer would refuse is refused here first.

    Args:
        prediction_csv: ``image,MEL,NV,BCC,AKIEC,BKL,DF,VASC``, or a folder with
            ``diagnosis.csv``.
        out_csv: The CSV to write; an older one is replaced only by a good one.
        images: Folder of the photographs, which tells the image_ids.
        truth_ids: File with one image_id a line, where the photographs are not at hand.

    Raises:
        SubmissionError: Something would be refused; `problems` lists all.
        UsageError: A path does not exist, or both `images` and `truth_ids` are given.
        DiskFullError: No space is left.
    """
    if out_csv.suffix.lower() != ".csv":
        raise UsageError(f"{out_csv} does not end in .csv")
    expected = _find_expected(images, truth_ids)
    inspected = _inspect(prediction_csv)
    problems = [*inspected.problems, *_compare(inspected.table, expected)]
    if problems:
        raise SubmissionError(
            f"{inspected.path} cannot be submitted, {summarize(problems)}", problems=problems
        )
    data = _write_rows(inspected.table).encode()
    write_result(out_csv, data)
    if not _is_same(read_predictions(out_csv), inspected.table):
        raise SubmissionError(f"{out_csv} does not read back as written", hint="is the disk sound?")
    warnings = tuple(_find_warnings(inspected.table, expected))
    sha256 = hashlib.sha256(data).hexdigest()
    return Submission(out_csv, len(inspected.table.image_ids), sha256, warnings)


def _inspect(path: Path) -> InspectedTable:
    try:
        return inspect_predictions(path)
    except DataError as error:
        raise SubmissionError(error.message, problems=[error.message]) from error


def _find_expected(images: Path | None, truth_ids: Path | None) -> list[str] | None:
    if images is not None and truth_ids is not None:
        raise UsageError("--images and --truth-ids exclude each other", hint="name one of them")
    if images is not None:
        return _list_photographs(images)
    return _read_ids(truth_ids) if truth_ids is not None else None


def _list_photographs(root: Path) -> list[str]:
    bases = (root, root / "isic2018")
    folder = next((base / OFFICIAL_IMAGES for base in bases if (base / OFFICIAL_IMAGES).is_dir()),
                  root)  # fmt: skip
    if not folder.is_dir():
        raise UsageError(f"{root} is not a folder; expected the photographs")
    names = {path.stem for path in folder.iterdir() if is_photograph_name(path)}
    found = sorted(name for name in names if _IMAGE_ID.fullmatch(name))
    if not found:
        raise UsageError(f"{folder} holds no photograph named ISIC_<7 digits>")
    return found


def _read_ids(path: Path) -> list[str]:
    """Return the image_ids at the beginning of lines, so that a CSV serves too."""
    found = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        cell = line.split(",", 1)[0].strip().strip("\"'")
        if _IMAGE_ID.fullmatch(cell.removesuffix(".jpg")):
            found.append(cell.removesuffix(".jpg"))
        elif cell and number > 1:
            raise UsageError(f"{path}, line {number}: {cell[:60]!r} is no ISIC_<7 digits>")
    if not found:
        raise UsageError(f"{path} names no ISIC_<7 digits>")
    return found


def _compare(table: ClassTable, expected: Sequence[str] | None) -> Iterator[str]:
    if not table.image_ids:
        return
    if expected is None:
        for image_id in table.image_ids:
            if not _IMAGE_ID.fullmatch(image_id):
                yield f"{image_id!r} is not named like ISIC_0000001"
        return
    missing, extra = compare_ids(expected, table.image_ids)
    yield from (f"{image_id!r} is missing" for image_id in missing)
    yield from (f"{image_id!r} is extra: no such photograph" for image_id in extra)


def _write_rows(table: ClassTable) -> str:
    # Adding 0 turns -0.0 into 0.0; a float always shows its point or exponent, so that no
    # column looks like integers.
    rows = [
        ",".join([image_id, *(repr(value + 0.0) for value in values)])
        for image_id, values in zip(table.image_ids, table.values.tolist(), strict=True)
    ]
    return "\n".join([",".join(["image", *DIAGNOSES]), *rows]) + "\n"


def _is_same(left: ClassTable, right: ClassTable) -> bool:
    return left.image_ids == right.image_ids and np.array_equal(left.values, right.values)


def _find_warnings(table: ClassTable, expected: Sequence[str] | None) -> Iterator[str]:
    ordered = np.sort(table.values, axis=1)
    gaps = ordered[:, -1] - ordered[:, -2]
    tied = [key for key, gap in zip(table.image_ids, gaps, strict=True) if gap == 0]
    close = [key for key, gap in zip(table.image_ids, gaps, strict=True) if 0 < gap < _CLOSE]
    if tied:
        yield f"the highest value stands twice, which counts as wrong: {_name_some(tied)}"
    if close:
        yield (
            f"the two highest values differ by less than {_CLOSE:g}, which the official scorer "
            f"may read as a tie: {_name_some(close)}"
        )
    odd = int((np.abs(table.values.sum(axis=1) - 1.0) > _SUM_TOLERANCE).sum())
    if odd:
        yield f"{odd} rows do not add up to 1, which the challenge accepts"
    if expected is None:
        yield "missing rows were not checked: neither --images nor --truth-ids is given"


def _name_some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
