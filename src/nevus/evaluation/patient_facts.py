"""What is known about lesion and patient of a photograph, for intervals and groups."""

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Final

from nevus.data.cases import HAM_METADATA, OFFICIAL_LESIONS
from nevus.errors import DataError
from nevus.evaluation.csv_rows import read_text, split_rows, strip_ending

AGE_BANDS: Final = (30, 45, 60, 75)
"""Years at which the next age band begins."""

UNKNOWN: Final = "unknown"

_KEYS: Final = ("image_id", "image")
_MAX_AGE: Final = 150.0
_MAX_NAME: Final = 40


@dataclass(frozen=True)
class Facts:
    """What a metadata file says about a photograph; None where it says nothing.

    Args:
        lesion_id: Photographs of one lesion share it.
        age: Years.
        sex: As written, e.g. ``female``.
        site: Part of the body, as written.
    """

    lesion_id: str | None = None
    age: float | None = None
    sex: str | None = None
    site: str | None = None


def find_facts(truth: Path, metadata: Path | None = None) -> dict[str, Facts]:
    """Return image_id -> facts from a given file, or from the official ones near the truth.

    Looked for are HAM10000's metadata and the challenge's lesion groupings, in the folder of
    the truth CSV and the one above it. Nothing found is no error.

    Args:
        truth: The truth CSV.
        metadata: CSV with ``image_id`` or ``image`` and some of ``lesion_id``, ``age``,
            ``sex``, ``localization`` (or ``site``); stands for everything near the truth.

    Raises:
        DataError: A file lacks its columns or cannot be taken apart.
        UsageError: `metadata` does not exist.
    """
    if metadata is not None:
        return _read_facts(metadata)
    found: dict[str, Facts] = {}
    for name in (OFFICIAL_LESIONS, HAM_METADATA):
        places = [folder / name for folder in (truth.parent, truth.resolve().parent.parent)]
        place = next((one for one in places if one.is_file()), None)
        # Read last and complete, the metadata stands for what the groupings said before.
        found |= _read_facts(place) if place is not None else {}
    return found


def name_age_band(facts: Facts) -> str:
    """Return the age band, such as ``45 to 59``."""
    if facts.age is None:
        return UNKNOWN
    if facts.age < AGE_BANDS[0]:
        return f"under {AGE_BANDS[0]}"
    for start, stop in pairwise(AGE_BANDS):
        if facts.age < stop:
            return f"{start} to {stop - 1}"
    return f"{AGE_BANDS[-1]} and over"


GROUPINGS: Final[Mapping[str, Callable[[Facts], str]]] = MappingProxyType(
    {
        "age": name_age_band,
        "sex": lambda facts: facts.sex or UNKNOWN,
        "site": lambda facts: facts.site or UNKNOWN,
    }
)
"""By what photographs are grouped; each value names a photograph's group."""


def _read_facts(path: Path) -> dict[str, Facts]:
    text = read_text(path)
    found: dict[str, Facts] = {}
    try:
        rows = split_rows(text)
        _, header = next(rows, (0, []))
        key = next((name for name in _KEYS if name in header), None)
        if key is None:
            raise DataError(f"{path} has no column image_id or image", hint="name a metadata CSV")
        if not {"lesion_id", "age", "sex", "localization", "site"} & set(header):
            raise DataError(f"{path} has none of lesion_id, age, sex, localization, site")
        for line, cells in rows:
            if len(cells) != len(header):
                raise DataError(
                    f"{path}, line {line} has {len(cells)} cells, expected {len(header)}"
                )
            row = dict(zip(header, cells, strict=True))
            found[strip_ending(row[key])] = _make_facts(row)
    except csv.Error as error:
        raise DataError(f"{path} cannot be taken apart: {error}") from error
    return found


def _make_facts(row: Mapping[str, str]) -> Facts:
    return Facts(
        # Whole: two lesions whose names begin alike are two.
        lesion_id=_name(row.get("lesion_id")),
        age=_number(row.get("age")),
        sex=_shorten(row.get("sex")),
        site=_shorten(row.get("localization") or row.get("site")),
    )


def _name(cell: str | None) -> str | None:
    text = (cell or "").strip()
    return None if text.lower() in ("", UNKNOWN, "nan", "none", "na") else text


def _shorten(cell: str | None) -> str | None:
    """Return a name that stands in tables as a group's."""
    return _name((cell or "").strip()[:_MAX_NAME])


def _number(cell: str | None) -> float | None:
    try:
        years = float(cell or "nan")
    except ValueError:
        return None
    return years if math.isfinite(years) and 0 <= years <= _MAX_AGE else None
