"""Finding samples on disk: the official layout, or folders of photographs and masks."""

from collections.abc import Callable, Iterable
from pathlib import Path

from nevus.data.listing import Finding, Listing, Record, list_folders
from nevus.errors import DataError
from nevus.imaging.reading import describe

__all__ = [
    "SOURCES",
    "Finding",
    "Listing",
    "Record",
    "find_listing",
    "find_records",
    "find_records_in",
    "list_folders",
    "list_named",
    "list_official",
]

IMAGE_FOLDERS = ("images", "photographs", "input", "img")
MASK_FOLDERS = ("masks", "mask", "labels", "groundtruth", "truth", "segmentations")
OFFICIAL_PARTS = ("Training", "Validation", "Test")
"""Of the official task 1/2 data; the first that is there is taken."""

_SHOWN = 3


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
    images = find_named_folder(root, IMAGE_FOLDERS)
    return list_folders(images, find_named_folder(root, MASK_FOLDERS)) if images else None


SOURCES: dict[str, Callable[[Path], Listing | None]] = {
    "isic2018": list_official,
    "folders": list_named,
}
"""Each value: ``root -> Listing``, or None where the layout is another."""


def _official_images(part: str) -> str:
    return f"ISIC2018_Task1-2_{part}_Input"


def _official_masks(part: str) -> str:
    return f"ISIC2018_Task1_{part}_GroundTruth"


def find_named_folder(root: Path, names: Iterable[str]) -> Path | None:
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    return next((folders[name] for name in names if name in folders), None)


def _describe_content(root: Path) -> str:
    names = sorted(describe(path) for path in root.iterdir())
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}" if names else "nothing"


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
