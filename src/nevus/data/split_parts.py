"""Splits from anywhere: a run's split.json, lists of image_ids, folders of photographs."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from nevus.data.case_listing import make_key, shorten
from nevus.data.case_tables import read_rows, read_text
from nevus.data.cases import find_case_listing
from nevus.data.records import find_listing
from nevus.errors import DataError, UsageError
from nevus.imaging.files import find_images
from nevus.labels import IMAGE_SUFFIXES

ID_COLUMNS: Final = ("image", "image_id", "isic_id", "image_name", "id")
"""What the column of image_ids may be called; without such a header the first column counts."""

# No path is longer, so that no two names are cut to one.
_LONGEST_NAME: Final = 4096


@dataclass(frozen=True)
class Photo:
    """A photograph of a split.

    Attributes:
        image_id: Its name, alone in its part.
        image: The file.
        lesion_id: Photographs of one lesion share it; None where unknown.
    """

    image_id: str
    image: Path
    lesion_id: str | None = None


@dataclass(frozen=True)
class Part:
    """One side of a split.

    Attributes:
        name: Alone among the parts.
        photos: Sorted by image_id, none twice.
    """

    name: str
    photos: tuple[Photo, ...]


def read_parts(places: Sequence[Path], root: Path | None) -> tuple[Part, ...]:
    """Return the parts of a split, in the order given.

    Args:
        places: Each a folder of photographs (one part), a file of image_ids (one part), or a JSON
            object of lists such as a run's ``split.json`` (a part per list).
        root: The data root of the image_ids; for folders it tells the lesions, and may be None.

    Raises:
        UsageError: There are fewer than two parts, or lists of image_ids and no `root`.
        DataError: A place cannot be read or holds nothing; or image_ids have no photograph below
            `root`: `problems` lists them all.
    """
    named = _read_places(places)
    if len(named) < 2:
        raise UsageError(
            f"a split has at least two parts, found {', '.join(named) or 'none'}",
            hint="RUN/split.json, two lists of image_ids, or two folders of photographs",
        )
    lists = [name for name, content in named.items() if not isinstance(content, Path)]
    if lists and root is None:
        raise UsageError(
            f"{lists[0]} is a list of image_ids: where are the photographs?", hint="--data ROOT"
        )
    known = {} if root is None else _index(root)
    parts, strangers = [], []
    for name, content in named.items():
        if isinstance(content, Path):
            parts.append(Part(name, _list_folder(content, known)))
        else:
            keys = sorted({make_key(image_id) for image_id in content})
            parts.append(Part(name, tuple(known[key] for key in keys if key in known)))
            strangers += [f"{name}: {shorten(key)}" for key in keys if key not in known]
    if strangers:
        raise DataError(
            f"{len(strangers)} image_ids have no photograph below {root}, such as {strangers[0]}",
            problems=strangers,
        )
    return tuple(parts)


def _read_places(places: Sequence[Path]) -> dict[str, Path | list[str]]:
    named: dict[str, Path | list[str]] = {}
    for place, title in zip(places, _name_places(places), strict=True):
        if place.is_dir():
            named[title] = place
        elif not place.exists():
            raise DataError(f"there is no {place}", hint="a split file, or a folder")
        elif place.suffix.lower() == ".json":
            named |= _read_json(place, title, alone=len(places) == 1)
        else:
            named[title] = _read_list(place)
    empty = [name for name, content in named.items() if not content]
    if empty:
        raise DataError(f"{empty[0]} holds no image_ids")
    return named


def _name_places(places: Iterable[Path]) -> list[str]:
    listed = list(places)
    counts = Counter(place.name for place in listed)
    names = [
        place.name if place.name and counts[place.name] == 1 else str(place) for place in listed
    ]
    if len(set(names)) < len(names):
        raise UsageError("a part was given twice")
    return [shorten(name, _LONGEST_NAME) for name in names]


def _read_json(path: Path, title: str, *, alone: bool) -> dict[str, Path | list[str]]:
    try:
        document = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {shorten(str(error))}") from error
    content = {"": document} if isinstance(document, list) else document
    if not isinstance(content, dict) or not all(
        _is_list(image_ids) and len(name) < _LONGEST_NAME for name, image_ids in content.items()
    ):
        raise DataError(
            f"{path} is no split: expected lists of image_ids under names",
            hint='{"training": [...], "validation": [...]}',
        )
    parts: dict[str, Path | list[str]] = {}
    for name, image_ids in content.items():
        # A run on all data validates nothing; that is no side of a split.
        if image_ids:
            shown = shorten(name, _LONGEST_NAME)
            part = shown if alone and name else f"{title}: {shown}" if name else title
            parts[part] = [_strip(text) for text in image_ids]
    return parts


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _read_list(path: Path) -> list[str]:
    rows = [cells for _, cells in read_rows(path)]
    if not rows:
        return []
    header = [cell.lower() for cell in rows[0]]
    column = next((header.index(name) for name in ID_COLUMNS if name in header), None)
    if column is not None:
        rows = rows[1:]
    listed = [cells[column or 0] for cells in rows if len(cells) > (column or 0)]
    return [_strip(text) for text in listed if text]


def _strip(text: str) -> str:
    # Lists are often made by listing a folder.
    name = PurePosixPath(text.replace("\\", "/")).name
    ending = PurePosixPath(name).suffix
    return name.removesuffix(ending) if ending.lower() in IMAGE_SUFFIXES else name


def _index(root: Path) -> dict[str, Photo]:
    known: dict[str, Photo] = {}
    failures = []
    try:
        for record in find_listing(root).records:
            known[make_key(record.image_id)] = Photo(record.image_id, record.image)
    except DataError as error:
        failures.append(error)
    try:
        # Last, because these know their lesions.
        for case in find_case_listing(root).cases:
            known[make_key(case.image_id)] = Photo(case.image_id, case.image, case.lesion_id)
    except DataError as error:
        failures.append(error)
    if len(failures) == 2:
        raise DataError(
            f"{root} is no data root of any task: {failures[1].message}", hint=failures[1].hint
        )
    return known


def _list_folder(folder: Path, known: Mapping[str, Photo]) -> tuple[Photo, ...]:
    images = find_images([folder])
    if not images:
        raise DataError(f"{folder} holds no photographs, expected .jpg, .jpeg or .png")
    counts = Counter(image.stem for image in images)
    photos = []
    for image in images:
        within = image.relative_to(folder).as_posix()
        name = image.stem if counts[image.stem] == 1 else within
        lesion = known[key].lesion_id if (key := make_key(image.stem)) in known else None
        photos.append(Photo(name, image, lesion))
    return tuple(sorted(photos, key=lambda photo: photo.image_id))
