"""Finding the photographs of task 3 with their diagnoses, lesions and patients' facts."""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nevus.data.listing import list_folders
from nevus.errors import DataError
from nevus.labels import DIAGNOSES

OFFICIAL_IMAGES = "ISIC2018_Task3_Training_Input"
OFFICIAL_TRUTH = "ISIC2018_Task3_Training_GroundTruth"
OFFICIAL_LESIONS = "ISIC2018_Task3_Training_LesionGroupings.csv"
HAM_METADATA = "HAM10000_metadata.csv"


@dataclass(frozen=True)
class Case:
    """A photograph on disk with its diagnosis and what is known about lesion and patient.

    Attributes:
        image_id: The photograph's name without ending.
        image: The photograph.
        diagnosis: One of `nevus.labels.DIAGNOSES`.
        lesion_id: Photographs of one lesion share it; None where unknown.
        age: Years, None where unknown.
        sex: ``female`` or ``male``, None where unknown.
        site: Part of the body, None where unknown.
        confirmation: How the diagnosis was made (``histo``, ``follow_up``, ...), None if unknown.
    """

    image_id: str
    image: Path
    diagnosis: str
    lesion_id: str | None = None
    age: float | None = None
    sex: str | None = None
    site: str | None = None
    confirmation: str | None = None


def find_cases(root: Path) -> tuple[Case, ...]:
    """Return the cases below a data root, sorted by image_id.

    Args:
        root: A folder that one of `CASE_SOURCES` understands.

    Raises:
        DataError: The layout is unknown, or photographs and diagnoses do not match.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}", hint="name the data root")
    for source in CASE_SOURCES.values():
        cases = source(root)
        if cases is not None:
            return cases
    raise DataError(
        f"{root} holds no {OFFICIAL_IMAGES} with {OFFICIAL_TRUTH}",
        hint="nevus data download isic2018 --tasks diagnosis",
    )


def list_official_cases(root: Path) -> tuple[Case, ...] | None:
    """Return the official task 3 data below `root` or its folder ``isic2018``, or None."""
    for base in (root, root / "isic2018"):
        images = base / OFFICIAL_IMAGES
        truth = base / OFFICIAL_TRUTH / f"{OFFICIAL_TRUTH}.csv"
        if images.is_dir() and truth.is_file():
            return _join(images, read_truth_table(truth), base)
    return None


CASE_SOURCES: dict[str, Callable[[Path], tuple[Case, ...] | None]] = {
    "isic2018": list_official_cases,
}
"""Each value: ``root -> cases``, or None where the layout is another."""


def read_truth_table(path: Path) -> dict[str, str]:
    """Return image_id -> diagnosis from an official one-hot CSV.

    Raises:
        DataError: A column is missing, or a row is not one-hot.
    """
    table: dict[str, str] = {}
    for row in _read_rows(path, ("image", *DIAGNOSES)):
        hot = [name for name in DIAGNOSES if float(row[name] or 0) == 1.0]
        if len(hot) != 1:
            raise DataError(f"{path}: {row['image']} has {len(hot)} diagnoses, expected one")
        table[row["image"]] = hot[0]
    return table


def _join(images: Path, truth: Mapping[str, str], base: Path) -> tuple[Case, ...]:
    photographs = {record.image_id: record.image for record in list_folders(images, None).records}
    without = sorted(truth.keys() - photographs.keys())
    if without:
        raise DataError(f"{images} lacks {len(without)} photographs, such as {without[0]}")
    lesions = _read_column(base / OFFICIAL_LESIONS, "image", "lesion_id")
    facts = _read_facts(base / HAM_METADATA)
    return tuple(
        Case(
            image_id=image_id,
            image=photographs[image_id],
            diagnosis=truth[image_id],
            lesion_id=lesions.get(image_id) or facts.get(image_id, {}).get("lesion_id"),
            age=_number(facts.get(image_id, {}).get("age")),
            sex=_known(facts.get(image_id, {}).get("sex")),
            site=_known(facts.get(image_id, {}).get("localization")),
            confirmation=_known(facts.get(image_id, {}).get("dx_type")),
        )
        for image_id in sorted(truth)
    )


def _read_facts(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    return {row["image_id"]: row for row in _read_rows(path, ("image_id", "lesion_id"))}


def _read_column(path: Path, key: str, column: str) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {row[key]: row[column] for row in _read_rows(path, (key, column))}


def _read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path} lacks the columns {', '.join(missing)}")
        yield from reader


def _known(text: str | None) -> str | None:
    return None if text in (None, "", "unknown") else text


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
