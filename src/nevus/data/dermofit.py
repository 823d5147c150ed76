"""The Dermofit Image Library (University of Edinburgh), for those who own a licence.

1,300 clinical close-ups of ten classes. Each class is a folder of folders, one per lesion, with the
photograph and its mask: ``df/D12/D12.png`` and ``df/D12/D12mask.png``; beside the classes may lie
``lesionlist.txt`` with number, lesion and class in each line. Xue et al. 2018 add DF and VASC.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nevus.data.case_folders import list_classes, list_subfolders, plain_name
from nevus.data.case_listing import Case, CaseListing, make_key, make_listing, shorten
from nevus.data.case_tables import read_text
from nevus.data.listing import Finding
from nevus.data.records import find_named_folder
from nevus.errors import DataError, UsageError

LESION_LIST: Final = "lesionlist.txt"
FOLDER_NAMES: Final = ("dermofit", "dermofit database", "dermofit image library")


@dataclass(frozen=True)
class DermofitClass:
    """One of the library's ten classes.

    Attributes:
        names: What its folder may be called besides the abbreviation.
        diagnosis: Which of the seven it is one of; None where it is none of them.
    """

    names: tuple[str, ...]
    diagnosis: str | None


CLASSES: Final[dict[str, DermofitClass]] = {
    "AK": DermofitClass(("actinic keratosis",), "AKIEC"),
    "BCC": DermofitClass(("basal cell carcinoma",), "BCC"),
    "DF": DermofitClass(("dermatofibroma",), "DF"),
    # HAM10000 counts Bowen's disease among AKIEC, and pyogenic granulomas among VASC.
    "IEC": DermofitClass(("intraepithelial carcinoma",), "AKIEC"),
    "MEL": DermofitClass(("malignant melanoma", "melanoma"), "MEL"),
    "ML": DermofitClass(("melanocytic nevus", "melanocytic nevus (mole)", "mole"), "NV"),
    "PYO": DermofitClass(("pyogenic granuloma",), "VASC"),
    "SCC": DermofitClass(("squamous cell carcinoma",), None),
    "SK": DermofitClass(("seborrhoeic keratosis", "seborrheic keratosis"), "BKL"),
    "VASC": DermofitClass(("haemangioma", "hemangioma"), "VASC"),
}
"""The library's abbreviations."""

DEFAULT_CLASSES: Final = ("DF", "VASC")
MAPPED_CLASSES: Final = tuple(name for name, kind in CLASSES.items() if kind.diagnosis)
"""All that are one of the seven diagnoses: without squamous cell carcinoma."""

# Class folders alone could be anybody's; few others abbreviate so.
_MARKS: Final = ("ml", "pyo")


def list_dermofit(root: Path) -> CaseListing | None:
    """Return DF and VASC of the library at `root` or in its folder ``dermofit``, or None."""
    for base in (root, find_named_folder(root, FOLDER_NAMES)):
        if base is not None and _is_library(base):
            return list_library(base)
    return None


def list_library(root: Path, classes: Iterable[str] = DEFAULT_CLASSES) -> CaseListing:
    """Return the chosen classes of the library as clinical cases, and what is wrong with them.

    Lesions whose names differ only in a letter at the end (D239a, D239b) share a lesion_id: such
    close-ups of one patient must not be on both sides of a split.

    Args:
        root: The folder of the class folders.
        classes: Some of `MAPPED_CLASSES`, which all map to one of the seven diagnoses.

    Raises:
        UsageError: A class is unknown, or none of the seven.
        DataError: There is no such folder, or ``lesionlist.txt`` cannot be read.
    """
    chosen = tuple(classes)
    wrong = [name for name in chosen if name not in MAPPED_CLASSES]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)}: no class of Dermofit that is one of the seven diagnoses",
            hint=f"some of {' '.join(MAPPED_CLASSES)}",
        )
    if not root.is_dir():
        raise DataError(f"there is no folder {root}")
    folders = {
        folder: name
        for folder in list_subfolders(root)
        if (name := find_class(folder.name)) in chosen and name
    }
    # Listed by the library's class: the list of lesions speaks of those.
    cases, findings = list_classes(folders)
    findings += [
        Finding("missing_class", "error", name, f"no folder {name} or {CLASSES[name].names[0]}")
        for name in chosen
        if name not in folders.values()
    ]
    if (root / LESION_LIST).is_file():
        findings += _check_list(root / LESION_LIST, cases, chosen)
    return make_listing(root, [_translate(case) for case in cases], findings)


def find_class(name: str) -> str | None:
    """Return the library's class a folder's name stands for, or None."""
    plain = plain_name(name)
    for abbreviation, kind in CLASSES.items():
        if plain == abbreviation.lower() or plain in kind.names:
            return abbreviation
    return None


def _is_library(root: Path) -> bool:
    classes = [folder for folder in list_subfolders(root) if find_class(folder.name)]
    if not classes:
        return False
    return (
        (root / LESION_LIST).is_file()
        or any(folder.name.lower() in _MARKS for folder in classes)
        or any(_holds_masks(folder) for folder in classes)
    )


def _holds_masks(folder: Path) -> bool:
    masks = (path for pattern in ("*mask.png", "*/*mask.png") for path in folder.glob(pattern))
    return any(path.with_name(path.name.replace("mask.png", ".png")).is_file() for path in masks)


def _translate(case: Case) -> Case:
    diagnosis = CLASSES[case.diagnosis].diagnosis or case.diagnosis
    lesion = case.image_id.rstrip("abcdefghijklmnopqrstuvwxyz") or case.image_id
    return replace(
        case,
        diagnosis=diagnosis,
        lesion_id=f"dermofit_{lesion}",
        modality="clinical",
    )


def _check_list(path: Path, cases: Iterable[Case], chosen: tuple[str, ...]) -> list[Finding]:
    found = {make_key(case.image_id): case.diagnosis for case in cases}
    listed: dict[str, str] = {}
    findings: list[Finding] = []
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        cells = text.split()
        if len(cells) == 3:
            listed[make_key(cells[1])] = cells[2].upper()
        elif cells:
            told = f"line {line} has {len(cells)} words, expected number, lesion and class"
            findings.append(Finding("broken_row", "error", path.name, told))
    for name, kind in listed.items():
        if name not in found and kind in chosen:
            text = f"row of {path.name} without a photograph"
            findings.append(Finding("missing_photograph", "error", name, text))
        elif name in found and kind != found[name]:
            text = f"{found[name]} by its folder, {shorten(kind)} by {path.name}"
            findings.append(Finding("diagnosis_disagreement", "error", name, text))
    findings += [
        Finding("orphan_photograph", "warning", name, f"photograph without a row in {path.name}")
        for name in found.keys() - listed.keys()
    ]
    return findings
