"""What a data root of task 3 holds: cases, and everything that is wrong about them."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from nevus.data.listing import Finding, Record, list_folders
from nevus.errors import DataError
from nevus.imaging.reading import describe

Modality = Literal["dermoscopic", "clinical"]

_SHOWN: Final = 3
_LONGEST: Final = 60


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
        modality: ``clinical`` where the photograph was taken without a dermatoscope.
    """

    image_id: str
    image: Path
    diagnosis: str
    lesion_id: str | None = None
    age: float | None = None
    sex: str | None = None
    site: str | None = None
    confirmation: str | None = None
    modality: Modality = "dermoscopic"


@dataclass(frozen=True)
class CaseListing:
    """What a data root holds, no photograph opened yet.

    Attributes:
        place: The folder the cases lie below.
        cases: Sorted by image_id; those that findings of severity ``error`` are about left out.
        findings: Missing, orphan, doubled and contradictory rows and files; sorted.
        hint: A way out of the errors, if there is one to name.
    """

    place: Path
    cases: tuple[Case, ...]
    findings: tuple[Finding, ...]
    hint: str | None = None


def make_listing(
    place: Path, cases: Iterable[Case], findings: Iterable[Finding], *, hint: str | None = None
) -> CaseListing:
    """Return a listing in its order, whatever the order of the arguments."""
    ordered = tuple(sorted(cases, key=lambda case: case.image_id))
    return CaseListing(place, ordered, tuple(sorted(set(findings))), hint)


def accept_cases(listing: CaseListing) -> tuple[Case, ...]:
    """Return the cases of a listing without errors.

    Raises:
        DataError: There are errors, or no cases; `problems` lists every error.
    """
    refuse_errors(listing.place, listing.findings, hint=listing.hint)
    if not listing.cases:
        links = sum(finding.code == "link" for finding in listing.findings)
        raise DataError(
            f"{listing.place} holds no photographs with a diagnosis, expected .jpg, .jpeg or .png",
            hint=f"{links} links out of it are not followed" if links else listing.hint,
        )
    return listing.cases


def refuse_errors(place: Path, findings: Iterable[Finding], *, hint: str | None = None) -> None:
    """Raise where a finding is an error.

    Raises:
        DataError: `problems` lists every error.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return
    lines = [f"{shorten(finding.name)}: {finding.text}" for finding in errors]
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    raise DataError(
        f"{place}: {'; '.join(lines[:_SHOWN])}{more}",
        problems=lines,
        hint=hint or "nevus data check lists everything",
    )


def list_photographs(folders: Iterable[Path]) -> tuple[dict[str, Record], list[Finding]]:
    """Return the photographs directly in some folders under their keys, and what is odd.

    A name that several folders hold is an error; the first photograph stays.
    """
    photographs: dict[str, Record] = {}
    findings: list[Finding] = []
    for folder in folders:
        listing = list_folders(folder, None)
        findings += listing.findings
        for record in listing.records:
            first = photographs.setdefault(make_key(record.image_id), record)
            if first is not record:
                places = f"{describe(first.image.parent)} and {describe(folder)}"
                text = f"photograph doubled in {places}"
                findings.append(Finding("doubled_photograph", "error", record.image_id, text))
    return photographs, findings


def make_key(image_id: str) -> str:
    """Return the form of an image_id in which tables and file names are compared."""
    # Some file systems and archives store an accented letter as two signs.
    return unicodedata.normalize("NFC", image_id)


def shorten(text: str, longest: int = _LONGEST) -> str:
    """Return text from a stranger's file so that it can neither break nor fill a message."""
    cut = f"{text[:longest]}..." if len(text) > longest else text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in cut)
