"""The tables of task 3: one-hot diagnoses, lesion groupings, HAM10000 metadata."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from nevus.data.case_listing import make_key, shorten
from nevus.data.listing import Finding
from nevus.errors import DataError
from nevus.labels import DIAGNOSES

MAX_BYTES: Final = 64 * 2**20
"""Of a table; HAM10000's holds half a megabyte."""

DX_NAMES: Final = {name.lower(): name for name in DIAGNOSES}
"""HAM10000's ``dx`` to diagnosis."""

CONFIRMATIONS: Final = {
    "histopathology": "histo",
    "serial imaging showing no change": "follow_up",
    "single image expert consensus": "consensus",
    "confocal microscopy with consensus dermoscopy": "confocal",
}
"""The lesion groupings' words to those of HAM10000."""

_UNKNOWN: Final = frozenset({"", "unknown", "nan", "na", "n/a", "none", "null"})
_SEXES: Final = ("female", "male")
_OLDEST: Final = 130.0

Row = Mapping[str, str]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Facts:
    """What a table says about a photograph; fields as in `Case`, each None where unknown."""

    diagnosis: str | None = None
    lesion_id: str | None = None
    age: float | None = None
    sex: str | None = None
    site: str | None = None
    confirmation: str | None = None


def read_diagnoses(path: Path) -> tuple[dict[str, str], list[Finding]]:
    """Return key -> diagnosis from an official one-hot CSV, and what is wrong in it.

    Rows that are not one-hot are left out and among the findings.

    Raises:
        DataError: The file is no such table.
    """
    rows, findings = read_table(path, "image", DIAGNOSES)
    table: dict[str, str] = {}
    for image_id, row in rows.items():
        try:
            table[image_id] = _read_one_hot(row)
        except DataError as error:
            findings.append(Finding("not_one_hot", "error", image_id, error.message))
    return table, findings


def read_lesions(path: Path) -> tuple[dict[str, Facts], list[Finding]]:
    """Return key -> lesion_id and confirmation from official lesion groupings.

    Raises:
        DataError: The file is no such table.
    """
    rows, findings = read_table(path, "image", ("lesion_id",))
    table = {
        image_id: Facts(
            lesion_id=_read_known(row["lesion_id"]),
            confirmation=CONFIRMATIONS.get(row.get("diagnosis_confirm_type", "").lower()),
        )
        for image_id, row in rows.items()
    }
    return table, findings


def read_metadata(path: Path) -> tuple[dict[str, Facts], list[Finding]]:
    """Return key -> facts from HAM10000's metadata, and what is wrong in it.

    Raises:
        DataError: The file is no such table.
    """
    rows, findings = read_table(path, "image_id", ("lesion_id", "dx"))
    table: dict[str, Facts] = {}
    for image_id, row in rows.items():
        diagnosis = DX_NAMES.get(row["dx"].lower())
        if diagnosis is None:
            text = f"unknown diagnosis {shorten(row['dx'])!r}, expected {', '.join(DX_NAMES)}"
            findings.append(Finding("unknown_diagnosis", "error", image_id, text))
        table[image_id] = Facts(
            diagnosis=diagnosis,
            lesion_id=_read_known(row["lesion_id"]),
            age=_read_fact(row, "age", _read_age, image_id, findings),
            sex=_read_fact(row, "sex", _read_sex, image_id, findings),
            site=_read_known(row.get("localization", "").lower()),
            confirmation=_read_known(row.get("dx_type", "").lower()),
        )
    return table, findings


def read_table(
    path: Path, key: str, columns: tuple[str, ...]
) -> tuple[dict[str, Row], list[Finding]]:
    """Return the rows of a CSV under the keys of one column, and what is wrong with others.

    Args:
        path: UTF-8, comma-separated, with a header; more columns than asked for do no harm.
        key: The column of image_ids. Of rows that share one, the first stays.
        columns: Further columns that must be there.

    Raises:
        DataError: The file cannot be read as such a table.
    """
    lines = read_rows(path)
    _, header = next(lines, (1, []))
    missing = [name for name in (key, *columns) if header.count(name) != 1]
    if missing:
        found = ", ".join(shorten(name) for name in header[:12]) or "nothing"
        raise DataError(
            f"{path}: expected the columns {', '.join(missing)} once each, found {found}"
        )
    rows: dict[str, Row] = {}
    findings: list[Finding] = []
    for line, cells in lines:
        row = dict(zip(header, cells, strict=False))
        name = make_key(row.get(key, ""))
        if len(cells) != len(header) or not name:
            text = f"line {line} has {len(cells)} cells, expected {len(header)}"
            if len(cells) == len(header):
                text = f"line {line} has no {key}"
            findings.append(Finding("broken_row", "error", path.name, text))
        elif name in rows:
            text = f"line {line} of {path.name} is a second row"
            findings.append(Finding("doubled_row", "error", name, text))
        else:
            rows[name] = row
    return rows, findings


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of a line and its cells, of a CSV, empty lines left out.

    Raises:
        DataError: The file cannot be read as text, or is no CSV.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num} is no CSV: {error}") from error


def read_text(path: Path) -> str:
    """Return the text of a table.

    Raises:
        DataError: It is no regular file of UTF-8 text, or larger than any such table.
    """
    # Opening a pipe would wait for ever.
    if not path.is_file():
        raise DataError(f"{path} is no file")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path} has {size:,} bytes, expected at most {MAX_BYTES:,}")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", hint="save it as CSV, UTF-8") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if "\0" in text:
        raise DataError(f"{path} holds NUL bytes: it is damaged, or no text")
    return text


def _read_one_hot(row: Row) -> str:
    hot = []
    for name in DIAGNOSES:
        value = _read_number(row[name])
        if value not in (0.0, 1.0):
            raise DataError(f"{name} is {shorten(row[name])!r}, expected 0 or 1")
        if value:
            hot.append(name)
    if len(hot) != 1:
        raise DataError(f"{' and '.join(hot) or 'no diagnosis'}, expected one diagnosis")
    return hot[0]


def _read_fact(
    row: Row,
    column: str,
    read: Callable[[str], Value | None],
    image_id: str,
    findings: list[Finding],
) -> Value | None:
    text = _read_known(row.get(column, "").lower())
    value = None if text is None else read(text)
    if text is not None and value is None:
        told = f"{column} {shorten(text)!r} is taken as unknown"
        findings.append(Finding(f"odd_{column}", "warning", image_id, told))
    return value


def _read_known(text: str) -> str | None:
    return None if text.lower() in _UNKNOWN else text


def _read_age(text: str) -> float | None:
    age = _read_number(text)
    return age if 0 <= age <= _OLDEST else None


def _read_sex(text: str) -> str | None:
    return text if text in _SEXES else None


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
