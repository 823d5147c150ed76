"""Finding the photographs of task 2 with their five masks, and the lesion's where it is there."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nevus.data.listing import Finding, keep_files, list_folders
from nevus.data.records import IMAGE_FOLDERS, MASK_FOLDERS, OFFICIAL_PARTS, find_named_folder
from nevus.errors import DataError
from nevus.imaging.reading import describe
from nevus.labels import ATTRIBUTES, IMAGE_SUFFIXES, segmentation_name

MARK = "_attribute_"
"""What stands between image_id and attribute in a mask's name."""

ATTRIBUTE_FOLDERS = ("attributes", "attribute_masks")
_SHOWN = 3


@dataclass(frozen=True)
class AttributeRecord:
    """A photograph on disk with its attribute masks.

    Attributes:
        image_id: The photograph's name without ending.
        image: The photograph.
        masks: Attribute to mask; all five, except in a listing with findings.
        lesion: The lesion mask of task 1, if there is one.
    """

    image_id: str
    image: Path
    masks: Mapping[str, Path]
    lesion: Path | None = None


@dataclass(frozen=True)
class AttributeListing:
    """What a data root holds of task 2, nothing opened yet.

    Attributes:
        images: Folder of the photographs.
        attributes: Folder of the masks.
        records: Sorted by image_id.
        findings: Missing, misspelt, orphan and doubled files, links that lead away; sorted.
    """

    images: Path
    attributes: Path
    records: tuple[AttributeRecord, ...]
    findings: tuple[Finding, ...]


def find_attribute_records(root: Path) -> tuple[AttributeRecord, ...]:
    """Return the samples below a data root, sorted by image_id, five masks each.

    Raises:
        DataError: The layout is unknown, empty or incomplete; `problems` lists every finding.
    """
    listing = find_attribute_listing(root)
    errors = [finding for finding in listing.findings if finding.severity == "error"]
    lines = [f"{describe(Path(finding.name))}: {finding.text}" for finding in errors]
    if errors:
        more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise DataError(
            f"{listing.attributes}: {'; '.join(lines[:_SHOWN])}{more}",
            problems=lines,
            hint="nevus data check lists everything",
        )
    if not listing.records:
        raise DataError(f"{listing.images} holds no photographs, expected .jpg, .jpeg or .png")
    return listing.records


def find_attribute_listing(root: Path) -> AttributeListing:
    """Return what the first of `ATTRIBUTE_SOURCES` that understands `root` finds there.

    Raises:
        DataError: There is no such folder, or its layout is unknown.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}", hint="name the data root")
    for source in ATTRIBUTE_SOURCES.values():
        listing = source(root)
        if listing is not None:
            return listing
    raise DataError(
        f"{root} holds neither ISIC2018_Task1-2_Training_Input with a folder "
        "ISIC2018_Task2_Training_GroundTruth nor images with attributes",
        hint="nevus data download isic2018 --tasks attributes",
    )


def list_official_attributes(root: Path) -> AttributeListing | None:
    """Return the official task 2 data below `root` or its folder ``isic2018``, or None.

    The challenge published the masks several times; of folders with several endings (``_v3``) the
    last by name is taken.
    """
    for base in (root, root / "isic2018"):
        for part in OFFICIAL_PARTS:
            images = base / f"ISIC2018_Task1-2_{part}_Input"
            attributes = find_newest_truth(base, part)
            if images.is_dir() and attributes:
                lesions = base / f"ISIC2018_Task1_{part}_GroundTruth"
                return list_attributes(images, attributes, lesions)
    return None


def find_newest_truth(base: Path, part: str) -> Path | None:
    """Return the official folder of attribute masks whose ending is the last by name, or None."""
    found = sorted(base.glob(f"ISIC2018_Task2_{part}_GroundTruth*"))
    return next((path for path in reversed(found) if path.is_dir()), None)


def list_named_attributes(root: Path) -> AttributeListing | None:
    """Return ``images`` with ``attributes``, and ``masks`` where it is there, or None."""
    images = find_named_folder(root, IMAGE_FOLDERS)
    attributes = find_named_folder(root, ATTRIBUTE_FOLDERS)
    if images is None or attributes is None:
        return None
    return list_attributes(images, attributes, find_named_folder(root, MASK_FOLDERS))


ATTRIBUTE_SOURCES: dict[str, Callable[[Path], AttributeListing | None]] = {
    "isic2018": list_official_attributes,
    "folders": list_named_attributes,
}
"""Each value: ``root -> AttributeListing``, or None where the layout is another."""


def list_attributes(images: Path, attributes: Path, lesions: Path | None) -> AttributeListing:
    """Return the photographs of one folder and the masks of others, joined by name."""
    photographs = list_folders(images, None)
    found: dict[str, dict[str, Path]] = {r.image_id: {} for r in photographs.records}
    doubled = [finding for finding in photographs.findings if finding.code != "no_masks"]
    findings = doubled + list(_sort_masks(attributes, found))
    for image_id, masks in found.items():
        for name in ATTRIBUTES:
            if name not in masks:
                text = f"mask of {name} missing"
                findings.append(Finding("missing_attribute", "error", image_id, text))
    records = tuple(
        AttributeRecord(r.image_id, r.image, found[r.image_id], _find_lesion(lesions, r.image_id))
        for r in photographs.records
    )
    return AttributeListing(images, attributes, records, tuple(sorted(set(findings))))


def _sort_masks(folder: Path, found: dict[str, dict[str, Path]]) -> Iterator[Finding]:
    """Put each mask in its place; yield what has none."""
    named = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]
    kept, findings = keep_files(named)
    yield from findings
    for path in kept:
        image_id, mark, name = path.stem.partition(MARK)
        if not mark:
            yield Finding("not_attribute", "error", path.name, "names no attribute")
        elif name not in ATTRIBUTES:
            yield Finding("misspelt_attribute", "error", path.name, describe_unknown(name))
        elif image_id not in found:
            yield Finding("orphan_attribute", "error", path.name, "mask without a photograph")
        elif name in found[image_id]:
            text = f"doubled as {describe(found[image_id][name])}"
            yield Finding("doubled_attribute", "error", path.name, text)
        else:
            found[image_id][name] = path


def describe_unknown(name: str) -> str:
    """Return that `name` is no attribute, and which one it may be meant for."""
    near = difflib.get_close_matches(name, ATTRIBUTES, n=1)
    guess = f"did you mean {near[0]}?" if near else f"one of {', '.join(ATTRIBUTES)}"
    return f"{name!r} is no attribute; {guess}"


def _find_lesion(lesions: Path | None, image_id: str) -> Path | None:
    if lesions is None or not lesions.is_dir():
        return None
    names = (segmentation_name(image_id), f"{image_id}.png", f"{image_id}_mask.png")
    return next((lesions / name for name in names if (lesions / name).is_file()), None)
