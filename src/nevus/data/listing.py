"""What a folder of photographs and a folder of masks hold, joined by name, nothing opened yet."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nevus.errors import DataError
from nevus.imaging.files import is_photograph_name
from nevus.imaging.reading import describe
from nevus.labels import IMAGE_SUFFIXES, MASK_SUFFIX

MASK_ENDINGS = (MASK_SUFFIX, "_mask")
"""What may follow a photograph's name in its mask's."""

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, order=True)
class Finding:
    """Something a user should know about a data set.

    Attributes:
        code: A short stable word, e.g. ``missing_mask``.
        severity: ``error`` makes the data unusable, ``warning`` is odd, ``info`` is neither.
        name: The image_id or file it is about.
        text: One sentence.
    """

    code: str
    severity: Severity
    name: str
    text: str


@dataclass(frozen=True)
class Record:
    """A photograph on disk and what is known about it.

    Attributes:
        image_id: The photograph's name without ending.
        image: The photograph.
        mask: The lesion mask, if there is one.
    """

    image_id: str
    image: Path
    mask: Path | None = None


@dataclass(frozen=True)
class Listing:
    """What a data root holds, nothing opened yet.

    Attributes:
        images: Folder of the photographs.
        masks: Folder of the masks, if there is one.
        records: Sorted by image_id; `mask` is None where it is missing.
        findings: Missing, orphan and doubled files, links that lead away; sorted.
    """

    images: Path
    masks: Path | None
    records: tuple[Record, ...]
    findings: tuple[Finding, ...]


def list_folders(images: Path, masks: Path | None) -> Listing:
    """Return the photographs of one folder and the masks of another, joined by name.

    Raises:
        DataError: A folder does not exist.
    """
    for folder in (images, masks):
        if folder is not None and not folder.is_dir():
            raise DataError(f"there is no folder {folder}")
    together = masks is not None and masks.samefile(images)
    photographs, findings = _list_photographs(images, together=together)
    truths: dict[str, Path] = {}
    if masks is not None:
        truths, more = _list_masks(masks, photographs, together=together)
        findings += more
    records = tuple(Record(path.stem, path, truths.get(key)) for key, path in photographs.items())
    ordered = tuple(sorted(records, key=lambda record: record.image_id))
    return Listing(images, masks, ordered, tuple(sorted(set(findings))))


def _list_photographs(folder: Path, *, together: bool) -> tuple[dict[str, Path], list[Finding]]:
    named = [path for path in sorted(folder.iterdir()) if is_photograph_name(path)]
    if together:
        named = [path for path in named if not path.stem.endswith(MASK_ENDINGS)]
    paths, findings = keep_files(named)
    photographs: dict[str, Path] = {}
    for path in paths:
        first = photographs.setdefault(_key(path.stem), path)
        if first is not path:
            text = f"photograph doubled as {describe(first)} and {describe(path)}"
            findings.append(Finding("doubled_photograph", "error", path.stem, text))
    return photographs, findings


def _list_masks(
    folder: Path, photographs: dict[str, Path], *, together: bool
) -> tuple[dict[str, Path], list[Finding]]:
    paths, findings = keep_files(_named_masks(folder, together=together))
    truths: dict[str, Path] = {}
    for path in paths:
        key = _photograph_of(path, photographs)
        if key not in photographs:
            text = "mask without a photograph"
            findings.append(Finding("orphan_mask", "error", path.name, text))
            continue
        first = truths.setdefault(key, path)
        if first is not path:
            text = f"mask doubled as {describe(first)} and {describe(path)}"
            findings.append(Finding("doubled_mask", "error", photographs[key].stem, text))
    for key in photographs.keys() - truths.keys():
        findings.append(Finding("missing_mask", "error", photographs[key].stem, "mask missing"))
    return truths, findings


def _named_masks(folder: Path, *, together: bool) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and not path.stem.endswith("_superpixels")
        and "_attribute_" not in path.stem
        and (not together or path.stem.endswith(MASK_ENDINGS))
    ]


def keep_files(paths: Sequence[Path]) -> tuple[list[Path], list[Finding]]:
    """Return the regular files among paths, and findings about all others."""
    kept: list[Path] = []
    findings: list[Finding] = []
    for path in paths:
        # Asked first, because links that run in circles cannot be resolved.
        if not path.is_file():
            findings.append(Finding("not_a_file", "warning", path.name, "not a regular file"))
        # A link may point anywhere on the disk; only what lies in the folder is data.
        elif path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
            text = "a link that leads out of its folder is not followed"
            findings.append(Finding("link", "warning", path.name, text))
        else:
            kept.append(path)
    return kept, findings


def _key(stem: str) -> str:
    # Some file systems and archives store an accented letter as two signs.
    return unicodedata.normalize("NFC", stem)


def _photograph_of(mask: Path, photographs: dict[str, Path]) -> str:
    key = _key(mask.stem)
    endings = [ending for ending in MASK_ENDINGS if key.endswith(ending)]
    stripped = [key.removesuffix(ending) for ending in endings]
    return next((name for name in (key, *stripped) if name in photographs), key)
