"""Finding samples on disk: the official layout, or folders of photographs and masks."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nevus.errors import DataError
from nevus.imaging.files import is_photograph_name
from nevus.imaging.reading import describe
from nevus.labels import IMAGE_SUFFIXES, MASK_SUFFIX

IMAGE_FOLDERS = ("images", "photographs", "input", "img")
MASK_FOLDERS = ("masks", "mask", "labels", "groundtruth", "truth", "segmentations")
OFFICIAL_PARTS = ("Training", "Validation", "Test")
"""Of the official task 1/2 data; the first that is there is taken."""

_MASK_ENDINGS = (MASK_SUFFIX, "_mask")
_SHOWN = 3

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


def find_records(root: Path, *, require_masks: bool = True) -> tuple[Record, ...]:
    """Return the samples below a data root, sorted by image_id.

    Args:
        root: A folder that one of `SOURCES` understands.
        require_masks: Whether every photograph needs a mask and every mask a photograph.

    Raises:
        DataError: The layout is unknown, empty or incomplete; `problems` lists every finding.
    """
    return _accept(find_listing(root), require_masks=require_masks)


def find_records_in(
    images: Path, masks: Path | None = None, *, require_masks: bool | None = None
) -> tuple[Record, ...]:
    """Return the samples of two explicit folders, sorted by image_id.

    A mask belongs to a photograph of the same name, or name plus ``_segmentation`` or ``_mask``.

    Args:
        images: Folder of photographs.
        masks: Folder of masks, which may be the same folder.
        require_masks: As in `find_records`; by default whether `masks` is given.

    Raises:
        DataError: As `find_records`.
    """
    required = masks is not None if require_masks is None else require_masks
    return _accept(list_folders(images, masks), require_masks=required)


def find_listing(root: Path) -> Listing:
    """Return what the first of `SOURCES` that understands `root` finds there.

    Raises:
        DataError: There is no such folder, or its layout is unknown.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}", hint="name the data root")
    for source in SOURCES.values():
        listing = source(root)
        if listing is not None:
            return listing
    raise DataError(
        f"{root} holds neither {_official_images('Training')} with {_official_masks('Training')} "
        f"nor images with masks; it holds {_describe_content(root)}",
        hint="nevus data download isic2018, or nevus data synthesize to try things out",
    )


def list_official(root: Path) -> Listing | None:
    """Return the official task 1/2 data below `root` or its folder ``isic2018``, or None."""
    for base in (root, root / "isic2018"):
        for part in OFFICIAL_PARTS:
            images, masks = base / _official_images(part), base / _official_masks(part)
            if images.is_dir():
                return list_folders(images, masks if masks.is_dir() else None)
    return None


def list_named(root: Path) -> Listing | None:
    """Return a folder of photographs and one of masks by their usual names, or None."""
    images = _first_folder(root, IMAGE_FOLDERS)
    return list_folders(images, _first_folder(root, MASK_FOLDERS)) if images else None


SOURCES: dict[str, Callable[[Path], Listing | None]] = {
    "isic2018": list_official,
    "folders": list_named,
}
"""Each value: ``root -> Listing``, or None where the layout is another."""


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


def _official_images(part: str) -> str:
    return f"ISIC2018_Task1-2_{part}_Input"


def _official_masks(part: str) -> str:
    return f"ISIC2018_Task1_{part}_GroundTruth"


def _first_folder(root: Path, names: Iterable[str]) -> Path | None:
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    return next((folders[name] for name in names if name in folders), None)


def _describe_content(root: Path) -> str:
    names = sorted(describe(path) for path in root.iterdir())
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}" if names else "nothing"


def _list_photographs(folder: Path, *, together: bool) -> tuple[dict[str, Path], list[Finding]]:
    named = [path for path in sorted(folder.iterdir()) if is_photograph_name(path)]
    if together:
        named = [path for path in named if not path.stem.endswith(_MASK_ENDINGS)]
    paths, findings = _keep_files(named)
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
    paths, findings = _keep_files(_named_masks(folder, together=together))
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
        and (not together or path.stem.endswith(_MASK_ENDINGS))
    ]


def _keep_files(paths: Sequence[Path]) -> tuple[list[Path], list[Finding]]:
    kept: list[Path] = []
    findings: list[Finding] = []
    for path in paths:
        # A link may point anywhere on the disk; only what lies in the folder is data.
        if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
            text = "a link that leads out of its folder is not followed"
            findings.append(Finding("link", "warning", path.name, text))
        elif path.is_file():
            kept.append(path)
        else:
            findings.append(Finding("not_a_file", "warning", path.name, "not a regular file"))
    return kept, findings


def _key(stem: str) -> str:
    # Some file systems and archives store an accented letter as two signs.
    return unicodedata.normalize("NFC", stem)


def _photograph_of(mask: Path, photographs: dict[str, Path]) -> str:
    key = _key(mask.stem)
    endings = [ending for ending in _MASK_ENDINGS if key.endswith(ending)]
    stripped = [key.removesuffix(ending) for ending in endings]
    return next((name for name in (key, *stripped) if name in photographs), key)


def _accept(listing: Listing, *, require_masks: bool) -> tuple[Record, ...]:
    where = listing.images
    links = sum(finding.code == "link" for finding in listing.findings)
    note = f"{links} links out of it are not followed" if links else None
    if not listing.records:
        raise DataError(
            f"{where} holds no photographs, expected .jpg, .jpeg or .png",
            problems=_problem_lines(listing.findings),
            hint=note,
        )
    if require_masks and listing.masks is None:
        raise DataError(
            f"there is no folder of masks beside {where}",
            hint=f"{_official_masks('Training')}, or masks beside images",
        )
    unusable = [
        finding
        for finding in listing.findings
        if finding.severity == "error" and (require_masks or finding.code == "doubled_photograph")
    ]
    if unusable:
        lines = _problem_lines(unusable)
        more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise DataError(
            f"{where.parent}: {'; '.join(lines[:_SHOWN])}{more}",
            problems=lines,
            hint=note or "nevus data check lists everything",
        )
    return listing.records


def _problem_lines(findings: Iterable[Finding]) -> list[str]:
    return [f"{describe(Path(finding.name))}: {finding.text}" for finding in findings]
