"""Task 3 tables: truth and predictions from CSV files, by the official scorer's rules."""

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from nevus.data.cases import HAM_METADATA, OFFICIAL_LESIONS, OFFICIAL_TRUTH
from nevus.errors import DataError, UsageError
from nevus.evaluation.csv_rows import read_text, shorten, split_rows, strip_ending, summarize
from nevus.labels import DIAGNOSES
from nevus.metrics.classes import UNWEIGHTED_IMAGES

PREDICTION_NAME: Final = "diagnosis.csv"
"""What `nevus predict diagnosis` writes into its folder."""

_WEIGHTS: Final = ("score_weight", "validation_weight")
# Narrower than Python's own, which also takes 1_000, infinity and other alphabets' digits.
_DECIMAL: Final = re.compile(r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")
_INTEGER: Final = re.compile(r"[ \t]*[+-]?[0-9]+[ \t]*")
_HEAD: Final = 2000
_MAX_PROBLEMS: Final = 10_000
_SHOWN: Final = 3
_NO_TRUTH: Final = frozenset({OFFICIAL_LESIONS, HAM_METADATA})
"""CSV files that people keep beside the truth."""


@dataclass(frozen=True)
class ClassTable:
    """Rows of a task 3 CSV, sorted by image_id.

    Args:
        image_ids: N names without ending.
        values: (N, 7) float64 in the order of `nevus.labels.DIAGNOSES`.
        weights: (N,) how much each photograph counts; 0 for ISIC_0035068.
    """

    image_ids: tuple[str, ...]
    values: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]


@dataclass
class _Reading:
    """What has been gathered from a file so far."""

    rows: dict[str, list[float]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    with_point: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class InspectedTable:
    """What could be read of a table of predictions, and what is wrong with it.

    Args:
        path: Of the CSV.
        table: Rows that name a photograph; the values of a wrong row are NaN.
        problems: One sentence each.
    """

    path: Path
    table: ClassTable
    problems: tuple[str, ...]


def read_predictions(path: Path) -> ClassTable:
    """Read probabilities, refusing what `inspect_predictions` finds wrong.

    Raises:
        DataError: The file breaks a rule; `problems` lists every place.
        UsageError: There is no such file, or it cannot be read.
    """
    inspected = inspect_predictions(path)
    _raise_if(inspected.problems, inspected.path)
    return inspected.table


def inspect_predictions(path: Path) -> InspectedTable:
    """Look at probabilities as strictly as the official scorer, and a little more.

    Columns ``image`` and the seven diagnoses in any order, no others; every value a decimal
    number in [0, 1]; a column of integers alone is refused, as there; ``.jpg`` behind a name
    is dropped. Beyond that scorer, a row with too many cells is refused, where it may drop
    the rest unread.

    Args:
        path: The CSV, or a folder that holds ``diagnosis.csv``.

    Raises:
        DataError: The file is too large or not UTF-8.
        UsageError: There is no such file, or it cannot be read.
    """
    place = path / PREDICTION_NAME if path.is_dir() else path
    text = read_text(place)
    reading = _Reading()
    if text[:_HEAD].count("\n") < 2:
        reading.problems.append(
            "fewer than two lines end within the first 2,000 characters: expected a header and "
            "at least one row, each ended by a line break"
        )
    else:
        _read_rows(text, reading, allowed=(), check=_check_probability)
        if reading.rows:
            _require_decimals(reading)
    return InspectedTable(place, _make_table(reading), tuple(reading.problems))


def compare_ids(
    wanted: Sequence[str], found: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the image_ids that are missing and those that are extra, sorted."""
    return tuple(sorted(set(wanted) - set(found))), tuple(sorted(set(found) - set(wanted)))


def read_truth(path: Path) -> ClassTable:
    """Read one-hot diagnoses; a column ``score_weight`` is taken over where there is one.

    Raises:
        DataError: A row is not one-hot, doubled, or incomplete; `problems` lists every place.
        UsageError: There is no such file, or it cannot be read.
    """
    reading = _Reading()
    _read_rows(read_text(path), reading, allowed=_WEIGHTS, check=_check_hot)
    for image_id, row in reading.rows.items():
        # A row that was not understood has been reported already.
        if not math.isnan(row[0]) and sorted(row) != [0.0] * (len(DIAGNOSES) - 1) + [1.0]:
            reading.problems.append(
                f"{image_id!r} has {row.count(1.0)} diagnoses, expected one 1 and else 0"
            )
    _raise_if(reading.problems, path)
    return _make_table(reading)


def find_truth_table(path: Path) -> Path:
    """Return the truth CSV: the file itself, the one in a folder, or a data root's.

    Raises:
        UsageError: There is none, or there are several.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise UsageError(f"there is no {str(path)!r}", hint="name the truth CSV or its folder")
    for base in (path, path / "isic2018"):
        official = base / OFFICIAL_TRUTH / f"{OFFICIAL_TRUTH}.csv"
        found = [official] if official.is_file() else sorted(base.glob("*Task3*GroundTruth*/*.csv"))
        found = found or sorted(base.glob("*Task3*GroundTruth*.csv"))
        if not found and base is path:
            found = [one for one in sorted(base.glob("*.csv")) if one.name not in _NO_TRUTH]
        if len(found) > 1:
            names = ", ".join(repr(one.name) for one in found[:_SHOWN])
            raise UsageError(f"{base} holds several CSV files: {names}; name one of them")
        if found:
            return found[0]
    raise UsageError(
        f"{path} holds no truth CSV such as {OFFICIAL_TRUTH}.csv",
        hint="name the CSV, or a folder that nevus train understands",
    )


def _read_rows(
    text: str,
    reading: _Reading,
    *,
    allowed: Sequence[str],
    check: Callable[[str], str | None],
) -> None:
    try:
        rows = split_rows(text)
        _, header = next(rows, (0, []))
        if not _check_header(header, allowed, reading.problems):
            return
        for line, cells in rows:
            if len(cells) == len(header):
                _read_row(line, dict(zip(header, cells, strict=True)), check, reading)
            else:
                reading.problems.append(
                    f"line {line} has {len(cells)} cells, expected {len(header)}"
                )
            if len(reading.problems) >= _MAX_PROBLEMS:
                reading.problems.append(f"the lines after {line} were not looked at")
                return
    except csv.Error as error:
        reading.problems.append(f"the CSV cannot be taken apart: {error}")
    if not reading.rows and not reading.problems:
        reading.problems.append("there is no row below the header")


def _check_header(header: Sequence[str], allowed: Sequence[str], problems: list[str]) -> bool:
    expected = ("image", *DIAGNOSES)
    before = len(problems)
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        # One problem, not one for every column that seems to be missing.
        problems.append("cells are separated by semicolons or tabs, expected commas")
        return False
    problems += [f"column {name!r} is missing" for name in expected if name not in header]
    seen: set[str] = set()
    for name in header:
        if name in seen:
            problems.append(f"column {shorten(name)} is there twice")
        elif name not in (*expected, *allowed):
            problems.append(f"column {shorten(name)} is extra, expected {','.join(expected)}")
        seen.add(name)
    return len(problems) == before


def _read_row(
    line: int, cells: Mapping[str, str], check: Callable[[str], str | None], reading: _Reading
) -> None:
    image_id = strip_ending(cells["image"])
    if not image_id.strip() or not image_id.isprintable():
        reading.problems.append(f"line {line} names no photograph: {shorten(image_id)}")
        return
    if image_id in reading.rows:
        reading.problems.append(f"{image_id!r} is there twice, again in line {line}")
        return
    reading.with_point.update(name for name in DIAGNOSES if not _INTEGER.fullmatch(cells[name]))
    weighed = "score_weight" in cells
    found = {name: check(cells[name]) for name in DIAGNOSES}
    if weighed:
        found["score_weight"] = _check_weight(cells["score_weight"])
    wrong = [f"{name} {text}" for name, text in found.items() if text is not None]
    reading.problems += [f"line {line}, {image_id!r}: {text}" for text in wrong]
    reading.rows[image_id] = [math.nan if wrong else float(cells[name]) for name in DIAGNOSES]
    weight = 0.0 if image_id in UNWEIGHTED_IMAGES else 1.0
    if weighed and not wrong:
        weight *= float(cells["score_weight"])
    reading.weights[image_id] = weight


def _check_probability(cell: str) -> str | None:
    if not cell.strip():
        return "is empty, expected a decimal number from 0 to 1"
    if not _DECIMAL.fullmatch(cell):
        return f"is {shorten(cell)}, expected a decimal number from 0 to 1"
    return None if 0.0 <= float(cell) <= 1.0 else f"is {shorten(cell)}, expected 0 to 1"


def _check_hot(cell: str) -> str | None:
    hot = _DECIMAL.fullmatch(cell) and float(cell) in (0.0, 1.0)
    return None if hot else f"is {shorten(cell)}, expected 0 or 1"


def _check_weight(cell: str) -> str | None:
    sound = _DECIMAL.fullmatch(cell) and 0.0 <= float(cell) < math.inf
    return None if sound else f"is {shorten(cell)}, expected a number >= 0"


def _require_decimals(reading: _Reading) -> None:
    for name in DIAGNOSES:
        if name not in reading.with_point:
            reading.problems.append(
                f"column {name} holds integers alone, which the official scorer refuses: "
                "write 0.0 and 1.0"
            )


def _raise_if(problems: Sequence[str], path: Path) -> None:
    if problems:
        raise DataError(f"{path} is no table of task 3, {summarize(problems)}", problems=problems)


def _make_table(reading: _Reading) -> ClassTable:
    image_ids = tuple(sorted(reading.rows))
    return ClassTable(
        image_ids=image_ids,
        values=np.array([reading.rows[key] for key in image_ids]).reshape(-1, len(DIAGNOSES)),
        weights=np.array([reading.weights[key] for key in image_ids], dtype=np.float64),
    )
