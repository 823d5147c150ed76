"""Finding samples on disk: the official layout, or folders of photographs and masks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from nevus.errors import DataError
from nevus.imaging.files import is_photograph_name
from nevus.labels import MASK_SUFFIX

IMAGE_FOLDERS = ("images", "photographs", "input", "img")
MASK_FOLDERS = ("masks", "mask", "groundtruth", "truth", "labels", "segmentations")
OFFICIAL_IMAGES = "ISIC2018_Task1-2_Training_Input"
OFFICIAL_MASKS = "ISIC2018_Task1_Training_GroundTruth"
_SHOWN = 3


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


def find_records(root: Path, *, require_masks: bool = True) -> tuple[Record, ...]:
    """Return the samples below a data root, sorted by image_id.

    Args:
        root: A folder that one of `SOURCES` understands.
        require_masks: Whether every photograph needs a mask and every mask a photograph.

    Raises:
        DataError: The layout is unknown, empty or incomplete; `problems` lists every finding.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}", hint="--data names the data root")
    for source in SOURCES.values():
        found = source(root)
        if found is not None:
            return _checked(*found, require_masks=require_masks)
    inside = ", ".join(sorted(path.name for path in root.iterdir())[:6]) or "nothing"
    raise DataError(
        f"{root} holds neither {OFFICIAL_IMAGES} with {OFFICIAL_MASKS} nor images/ with masks/; "
        f"it holds {inside}",
        hint="nevus data download isic2018, or nevus data synthesize to try things out",
    )


def find_records_in(
    images: Path, masks: Path | None = None, *, require_masks: bool = True
) -> tuple[Record, ...]:
    """Return the samples of two explicit folders, sorted by image_id.

    A mask belongs to a photograph of the same name, or name plus ``_segmentation`` or ``_mask``.

    Raises:
        DataError: As `find_records`.
    """
    for folder in (images, masks):
        if folder is not None and not folder.is_dir():
            raise DataError(f"there is no folder {folder}")
    return _checked(images, masks, require_masks=require_masks)


def find_official(root: Path) -> tuple[Path, Path | None] | None:
    """Return the folders of the official task 1/2 training layout, or None."""
    images, masks = root / OFFICIAL_IMAGES, root / OFFICIAL_MASKS
    if not images.is_dir():
        return None
    return images, masks if masks.is_dir() else None


def find_folders(root: Path) -> tuple[Path, Path | None] | None:
    """Return a folder of photographs and one of masks by their usual names, or None."""
    images = _first(root, IMAGE_FOLDERS)
    return (images, _first(root, MASK_FOLDERS)) if images else None


SOURCES: dict[str, Callable[[Path], tuple[Path, Path | None] | None]] = {
    "isic2018": find_official,
    "folders": find_folders,
}
"""Each value: ``root -> (images, masks)``, or None where the layout is another."""


def list_problems(images: Path, masks: Path | None) -> list[str]:
    """Return doubled photographs and masks, missing masks and orphan masks, a line each."""
    photographs, problems = _index(_photographs(images), lambda path: path.stem)
    if masks is None:
        return problems
    truths, doubled = _index(_masks(masks), _mask_id)
    problems += doubled
    problems += [f"{name}: mask missing" for name in sorted(photographs.keys() - truths.keys())]
    problems += [
        f"{truths[name].name}: mask without a photograph"
        for name in sorted(truths.keys() - photographs.keys())
    ]
    return problems


def _first(root: Path, names: Iterable[str]) -> Path | None:
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    return next((folders[name] for name in names if name in folders), None)


def _photographs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_photograph_name(path) and _inside(path))


def _masks(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in (".png", ".jpg", ".jpeg") and _inside(path)
    )


def _inside(path: Path) -> bool:
    # A link may point anywhere on the disk; only what lies in the folder is data.
    return path.is_file() and not (
        path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve())
    )


def _mask_id(path: Path) -> str:
    return path.stem.removesuffix(MASK_SUFFIX).removesuffix("_mask")


def _index(
    paths: Iterable[Path], name_of: Callable[[Path], str]
) -> tuple[dict[str, Path], list[str]]:
    index: dict[str, Path] = {}
    doubled: list[str] = []
    for path in paths:
        name = name_of(path)
        if name in index:
            doubled.append(f"{name}: doubled as {index[name].name} and {path.name}")
        index.setdefault(name, path)
    return index, doubled


def _checked(images: Path, masks: Path | None, *, require_masks: bool) -> tuple[Record, ...]:
    photographs, problems = _index(_photographs(images), lambda path: path.stem)
    truths = _index(_masks(masks), _mask_id)[0] if masks else {}
    if require_masks:
        if masks is None:
            raise DataError(f"no folder of masks beside {images}", hint=OFFICIAL_MASKS)
        problems = list_problems(images, masks)
    if not photographs:
        raise DataError(f"{images} holds no photographs", hint=".jpg, .jpeg and .png count")
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise DataError(
            f"{images.parent}: {'; '.join(problems[:_SHOWN])}{more}",
            problems=problems,
            hint="nevus data check lists everything",
        )
    return tuple(
        Record(name, path, truths.get(name)) for name, path in sorted(photographs.items())
    )
