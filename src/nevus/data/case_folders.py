"""Trees with a folder per diagnosis: `MEL/`, `nevus/`, `basal cell carcinoma/`, ..."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nevus.data.case_listing import Case, CaseListing, list_photographs, make_listing
from nevus.data.listing import Finding, Record
from nevus.labels import DIAGNOSES

CLASS_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "MEL": ("melanoma", "malignant melanoma"),
    "NV": ("nevus", "nevi", "naevus", "naevi", "melanocytic nevus", "melanocytic nevi", "mole"),
    "BCC": ("basal cell carcinoma",),
    "AKIEC": (
        *("ak", "actinic keratosis", "actinic keratoses", "iec", "intraepithelial carcinoma"),
        *("bowens disease", "actinic keratoses and intraepithelial carcinoma"),
    ),
    "BKL": (
        *("benign keratosis", "pigmented benign keratosis", "benign keratosis like lesions"),
        *("seborrheic keratosis", "seborrhoeic keratosis", "solar lentigo", "lichenoid keratosis"),
    ),
    "DF": ("dermatofibroma",),
    "VASC": (
        *("vascular", "vascular lesion", "vascular lesions", "angioma", "hemangioma"),
        *("haemangioma", "pyogenic granuloma"),
    ),
}
"""Diagnosis to what a folder of it may be called besides; case and signs between do not matter."""

_PASSED_OVER: Final = ("__macosx",)


def find_diagnosis(name: str) -> str | None:
    """Return the diagnosis a folder's name stands for, or None."""
    plain = plain_name(name)
    for diagnosis in DIAGNOSES:
        if plain == diagnosis.lower() or plain in CLASS_NAMES[diagnosis]:
            return diagnosis
    return None


def plain_name(name: str) -> str:
    """Return a folder's name in lower case, words apart by one space, without apostrophes."""
    return re.sub(r"[\s_-]+", " ", name.lower().replace("'", "")).strip()


def list_class_folders(root: Path) -> CaseListing | None:
    """Return the photographs below folders named after diagnoses, or None without such a folder.

    Class folders are searched in depth; a folder of another name beside them is an error.
    """
    folders = list_subfolders(root)
    classes = {folder: find_diagnosis(folder.name) for folder in folders}
    if not any(classes.values()):
        return None
    unknown = [folder for folder, diagnosis in classes.items() if diagnosis is None]
    findings = [
        Finding("unknown_class", "error", folder.name, "a folder that is named after no diagnosis")
        for folder in unknown
    ]
    known = {folder: name for folder, name in classes.items() if name is not None}
    cases, more = list_classes(known)
    loose, _ = list_photographs([root])
    findings += more + [
        Finding("orphan_photograph", "warning", record.image_id, "photograph in no class folder")
        for record in loose.values()
    ]
    hint = f"known names: {describe_names()}" if unknown else None
    return make_listing(root, cases, findings, hint=hint)


def list_classes(classes: Mapping[Path, str]) -> tuple[list[Case], list[Finding]]:
    """Return the photographs below folders of one diagnosis each, and what is wrong.

    Args:
        classes: Folder to diagnosis; several folders may be of one diagnosis.
    """
    cases: dict[str, Case] = {}
    findings: list[Finding] = []
    for folder, diagnosis in classes.items():
        photographs, more = _list_tree(folder)
        findings += more
        for key, record in photographs.items():
            case = Case(record.image_id, record.image, diagnosis)
            first = cases.setdefault(key, case)
            if first is not case:
                findings.append(_describe_double(first, case))
    return list(cases.values()), findings


def list_subfolders(root: Path) -> list[Path]:
    """Return the folders directly in a folder, sorted; hidden ones and links left out."""
    return [
        path
        for path in sorted(root.iterdir())
        if path.is_dir()
        and not path.is_symlink()
        and not path.name.startswith(".")
        and path.name.lower() not in _PASSED_OVER
    ]


def describe_names() -> str:
    """Return the names a class folder may have, diagnosis by diagnosis."""
    return "; ".join(" ".join((name, *_quote(CLASS_NAMES[name]))) for name in DIAGNOSES)


def _list_tree(folder: Path) -> tuple[dict[str, Record], list[Finding]]:
    places: list[Path] = []
    waiting = [folder]
    while waiting:
        places.append(waiting.pop())
        waiting += list_subfolders(places[-1])
    photographs, findings = list_photographs(sorted(places))
    # Dermofit's masks, which also survive in trees sorted from it by hand.
    masks = [
        key
        for key in photographs
        if key.endswith("mask") and key.removesuffix("mask").rstrip("_-") in photographs
    ]
    kept = {key: photographs[key] for key in photographs.keys() - set(masks)}
    return kept, findings


def _describe_double(first: Case, second: Case) -> Finding:
    if first.diagnosis == second.diagnosis:
        text = f"photograph twice among {first.diagnosis}"
        return Finding("doubled_photograph", "error", second.image_id, text)
    text = f"photograph among {first.diagnosis} and {second.diagnosis}"
    return Finding("two_diagnoses", "error", second.image_id, text)


def _quote(names: tuple[str, ...]) -> list[str]:
    return [f"({', '.join(names)})"] if names else []
