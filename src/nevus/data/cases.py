"""Finding the photographs of task 3 with their diagnoses, lesions and patients' facts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from nevus.data.case_folders import list_class_folders
from nevus.data.case_listing import (
    Case,
    CaseListing,
    accept_cases,
    list_photographs,
    make_key,
    make_listing,
    refuse_errors,
    shorten,
)
from nevus.data.case_tables import Facts, read_diagnoses, read_lesions, read_metadata
from nevus.data.dermofit import list_dermofit
from nevus.data.listing import Finding, Record
from nevus.data.records import OFFICIAL_PARTS
from nevus.errors import DataError
from nevus.labels import DIAGNOSES

__all__ = [
    "CASE_SOURCES",
    "Case",
    "CaseListing",
    "find_case_listing",
    "find_cases",
    "list_ham10000",
    "list_official_cases",
    "read_truth_table",
]

OFFICIAL_IMAGES = "ISIC2018_Task3_Training_Input"
OFFICIAL_TRUTH = "ISIC2018_Task3_Training_GroundTruth"
OFFICIAL_LESIONS = "ISIC2018_Task3_Training_LesionGroupings.csv"
HAM_METADATA = "HAM10000_metadata.csv"
HAM_IMAGES = "ham10000_images"
"""How the folders of HAM10000's photographs begin, in lower case."""

_METADATA_NAMES = (HAM_METADATA, "HAM10000_metadata", "HAM10000_metadata.tab")

Value = TypeVar("Value")


def find_cases(root: Path, extra: Sequence[Path] = ()) -> tuple[Case, ...]:
    """Return the cases below a data root, sorted by image_id.

    Args:
        root: A folder that one of `CASE_SOURCES` understands.
        extra: More such folders, for example Dermofit's; names must differ from each other's.

    Raises:
        DataError: A layout is unknown, or photographs and tables do not match; `problems` lists
            every error.
    """
    cases = list(accept_cases(find_case_listing(root)))
    for place in extra:
        known = {make_key(case.image_id) for case in cases}
        more = accept_cases(find_case_listing(place))
        doubled = sorted(case.image_id for case in more if make_key(case.image_id) in known)
        if doubled:
            raise DataError(
                f"{place}: {len(doubled)} photographs are named as others, such as {doubled[0]}",
                problems=[f"{image_id}: photograph doubled" for image_id in doubled],
            )
        cases += more
    return tuple(sorted(cases, key=lambda case: case.image_id))


def find_case_listing(root: Path) -> CaseListing:
    """Return what the first of `CASE_SOURCES` that understands `root` finds there.

    Raises:
        DataError: There is no such folder, or its layout is unknown.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}", hint="name the data root")
    for source in CASE_SOURCES.values():
        listing = source(root)
        if listing is not None:
            return listing
    raise DataError(
        f"{root} holds no {OFFICIAL_IMAGES} with {OFFICIAL_TRUTH}, no {HAM_METADATA} with "
        f"HAM10000_images_part_1, no folders such as {DIAGNOSES[0]} and {DIAGNOSES[1]}",
        hint="nevus data download isic2018 --tasks diagnosis",
    )


def list_official_cases(root: Path) -> CaseListing | None:
    """Return the official task 3 data below `root` or its folder ``isic2018``, or None.

    Lesion groupings and HAM10000's metadata beside them are joined where they are there.
    """
    for base in (root, root / "isic2018"):
        for part in OFFICIAL_PARTS:
            images = base / OFFICIAL_IMAGES.replace("Training", part)
            name = OFFICIAL_TRUTH.replace("Training", part)
            truth = next((p for p in (base / name, base) if (p / f"{name}.csv").is_file()), None)
            if images.is_dir() and truth is not None:
                return _list_tables(base, [images], truth / f"{name}.csv")
    return None


def list_ham10000(root: Path) -> CaseListing | None:
    """Return HAM10000 as its authors publish it, in `root` or its folder ``HAM10000``, or None."""
    for base in (root, root / "HAM10000", root / "ham10000"):
        if not base.is_dir() or _find_metadata(base) is None:
            continue
        folders: dict[str, Path] = {}
        for path in sorted(base.iterdir()):
            if path.name.lower().startswith(HAM_IMAGES) and path.is_dir():
                # Some mirrors hold each part twice, in capitals and not.
                folders.setdefault(path.name.lower(), path)
        if folders:
            return _list_tables(base, list(folders.values()), None)
    return None


CASE_SOURCES: dict[str, Callable[[Path], CaseListing | None]] = {
    "isic2018": list_official_cases,
    "ham10000": list_ham10000,
    "dermofit": list_dermofit,
    "folders": list_class_folders,
}
"""Each value: ``root -> CaseListing``, or None where the layout is another."""


def read_truth_table(path: Path) -> dict[str, str]:
    """Return image_id -> diagnosis from an official one-hot CSV.

    Raises:
        DataError: The file is no such table, or a row is doubled, broken or not one-hot;
            `problems` lists every row.
    """
    table, findings = read_diagnoses(path)
    refuse_errors(path, sorted(findings))
    return table


def _list_tables(base: Path, folders: list[Path], truth: Path | None) -> CaseListing:
    """Join photographs with tables; without one-hot truth the metadata's diagnoses hold."""
    photographs, findings = list_photographs(folders)
    diagnoses = _read(read_diagnoses, truth, findings)
    lesions = _read(read_lesions, base / OFFICIAL_LESIONS if truth else None, findings)
    metadata = _read(read_metadata, _find_metadata(base), findings)
    if truth is None:
        diagnoses = {key: facts.diagnosis for key, facts in metadata.items() if facts.diagnosis}
    # Without any diagnosis the table itself is the news, not each photograph.
    if diagnoses:
        spoilt = {finding.name for finding in findings if finding.severity == "error"}
        findings += _compare_files(photographs, diagnoses, spoilt)
        findings += _compare_tables(diagnoses, lesions, metadata, spoilt)
    cases = [
        _make_case(record, diagnoses[key], lesions.get(key, Facts()), metadata.get(key, Facts()))
        for key, record in photographs.items()
        if key in diagnoses
    ]
    return make_listing(base, cases, findings)


def _read(
    read: Callable[[Path], tuple[dict[str, Value], list[Finding]]],
    path: Path | None,
    findings: list[Finding],
) -> dict[str, Value]:
    if path is None or not path.exists():
        return {}
    try:
        table, more = read(path)
    except DataError as error:
        findings.append(Finding("unreadable_table", "error", path.name, str(error)))
        return {}
    findings += more
    return table


def _compare_files(
    photographs: Mapping[str, Record], diagnoses: Mapping[str, str], spoilt: set[str]
) -> list[Finding]:
    """Return rows without photographs, and photographs without a row, be it a spoilt one."""
    missing = diagnoses.keys() - photographs.keys()
    orphans = photographs.keys() - diagnoses.keys() - spoilt
    text = "photograph without a diagnosis, left out"
    return [
        *(
            Finding("missing_photograph", "error", key, "row without a photograph")
            for key in missing
        ),
        *(Finding("orphan_photograph", "warning", key, text) for key in orphans),
    ]


def _compare_tables(
    diagnoses: Mapping[str, str],
    lesions: Mapping[str, Facts],
    metadata: Mapping[str, Facts],
    spoilt: set[str],
) -> list[Finding]:
    findings: list[Finding] = []
    for key, diagnosis in diagnoses.items():
        told = metadata.get(key, Facts())
        if told.diagnosis not in (None, diagnosis):
            text = f"{diagnosis} by the one-hot table, {told.diagnosis} by the metadata"
            findings.append(Finding("diagnosis_disagreement", "error", key, text))
        named = {facts.lesion_id for facts in (lesions.get(key), told) if facts} - {None}
        if len(named) > 1:
            names = " and ".join(sorted(shorten(str(name)) for name in named))
            text = f"lesion {names} by the groupings and the metadata"
            findings.append(Finding("lesion_disagreement", "error", key, text))
        elif not named and (lesions or metadata):
            text = "no lesion_id: only looks keep it together with others of its lesion"
            findings.append(Finding("missing_lesion", "warning", key, text))
    text = "row of lesion groupings or metadata about no photograph with a diagnosis"
    orphans = (lesions.keys() | metadata.keys()) - diagnoses.keys() - spoilt
    return findings + [Finding("orphan_row", "warning", key, text) for key in orphans]


def _make_case(record: Record, diagnosis: str, lesion: Facts, metadata: Facts) -> Case:
    return Case(
        image_id=record.image_id,
        image=record.image,
        diagnosis=diagnosis,
        lesion_id=lesion.lesion_id or metadata.lesion_id,
        age=metadata.age,
        sex=metadata.sex,
        site=metadata.site,
        confirmation=metadata.confirmation or lesion.confirmation,
    )


def _find_metadata(base: Path) -> Path | None:
    return next((base / name for name in _METADATA_NAMES if (base / name).is_file()), None)
