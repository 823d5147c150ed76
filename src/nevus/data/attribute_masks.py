"""Finding the photographs of task 2 with their five masks, and the lesion's where it is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nevus.data.listing import list_folders
from nevus.data.records import find_named_folder
from nevus.errors import DataError
from nevus.labels import ATTRIBUTES, attribute_name, segmentation_name


@dataclass(frozen=True)
class AttributeRecord:
    """A photograph on disk with its attribute masks.

    Attributes:
        image_id: The photograph's name without ending.
        image: The photograph.
        masks: Attribute to mask, all five.
        lesion: The lesion mask of task 1, if there is one.
    """

    image_id: str
    image: Path
    masks: Mapping[str, Path]
    lesion: Path | None = None


def find_attribute_records(root: Path) -> tuple[AttributeRecord, ...]:
    """Return the samples below a data root, sorted by image_id.

    Raises:
        DataError: The layout is unknown, or masks are missing.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}", hint="name the data root")
    for source in ATTRIBUTE_SOURCES.values():
        records = source(root)
        if records is not None:
            return records
    raise DataError(
        f"{root} holds no ISIC2018_Task1-2_Training_Input with ISIC2018_Task2_Training_GroundTruth",
        hint="nevus data download isic2018 --tasks attributes",
    )


def list_official_attributes(root: Path) -> tuple[AttributeRecord, ...] | None:
    """Return the official task 2 data below `root` or its folder ``isic2018``, or None."""
    for base in (root, root / "isic2018"):
        images = base / "ISIC2018_Task1-2_Training_Input"
        found = sorted(base.glob("ISIC2018_Task2_Training_GroundTruth*"))
        if images.is_dir() and found:
            return _join(images, found[-1], base / "ISIC2018_Task1_Training_GroundTruth")
    return None


def list_named_attributes(root: Path) -> tuple[AttributeRecord, ...] | None:
    """Return ``images`` with ``attributes``, and ``masks`` where it is there, or None."""
    images = find_named_folder(root, ("images",))
    attributes = find_named_folder(root, ("attributes",))
    return _join(images, attributes, root / "masks") if images and attributes else None


ATTRIBUTE_SOURCES: dict[str, Callable[[Path], tuple[AttributeRecord, ...] | None]] = {
    "isic2018": list_official_attributes,
    "folders": list_named_attributes,
}
"""Each value: ``root -> records``, or None where the layout is another."""


def _join(images: Path, attributes: Path, lesions: Path) -> tuple[AttributeRecord, ...]:
    records: list[AttributeRecord] = []
    problems: list[str] = []
    for record in list_folders(images, None).records:
        masks = {name: attributes / attribute_name(record.image_id, name) for name in ATTRIBUTES}
        problems += [f"{path.name} is missing" for path in masks.values() if not path.is_file()]
        lesion = lesions / segmentation_name(record.image_id)
        kept = lesion if lesion.is_file() else None
        records.append(AttributeRecord(record.image_id, record.image, masks, kept))
    if problems:
        raise DataError(
            f"{attributes}: {'; '.join(problems[:3])} ({len(problems)} problems)",
            problems=problems,
        )
    return tuple(records)
