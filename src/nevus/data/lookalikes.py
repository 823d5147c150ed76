"""Photographs of the same lesion under different names, so that no fold shares a lesion."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nevus.data.likeness import SIDE, find_alike, make_thumbnail
from nevus.data.records import Record
from nevus.errors import ImageError
from nevus.imaging.files import write_atomically
from nevus.imaging.reading import read_image

FORMAT = 1
"""Of the cache; raised whenever the same photographs would give other pairs."""

Pair = tuple[str, str]

_log = logging.getLogger(__name__)


def find_lookalikes(
    records: Sequence[Record],
    cache: Path | None = None,
    *,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[Pair]:
    """Return pairs of image_ids whose photographs show the same thing, sorted.

    The photographs may be turned, mirrored, cropped by a few percent or differently lit. Of many
    copies of one file, each is paired with the first alone.

    Args:
        records: Photographs; those that cannot be read are left out, `nevus data check` names
            them.
        cache: A file that keeps the pairs for the next call with these photographs or some of
            them, as long as their names, bytes and times of change stay the same; or None.
        workers: Threads that decode.
        progress: Called with (done, total) while photographs are decoded, and again, with parts of
            the work, while they are compared.
    """
    stamps = {record.image_id: _stamp(record.image) for record in records}
    known = _read_cache(cache, stamps) if cache else None
    if known is not None:
        return known
    thumbnails = _read_thumbnails(records, max(workers, 1), progress)
    pairs = pair_thumbnails(thumbnails, progress)
    if cache is not None:
        _write_cache(cache, stamps, pairs)
    return pairs


def pair_thumbnails(
    thumbnails: dict[str, NDArray[np.uint8]],
    progress: Callable[[int, int], None] | None = None,
) -> list[Pair]:
    """Return pairs of image_ids whose photographs show the same thing, sorted.

    Args:
        thumbnails: image_id to its `make_thumbnail`.
        progress: Called with (done, total) parts of the comparing.
    """
    first: dict[bytes, str] = {}
    pairs: list[Pair] = []
    for image_id in sorted(thumbnails):
        thumbnail = thumbnails[image_id]
        if thumbnail.min() == thumbnail.max():
            # One grey value is an empty picture, alike to every other.
            continue
        original = first.setdefault(hashlib.sha256(thumbnail.tobytes()).digest(), image_id)
        if original != image_id:
            pairs.append((original, image_id))
    image_ids = list(first.values())
    if image_ids:
        stack = np.stack([thumbnails[image_id] for image_id in image_ids])
        pairs += [(image_ids[a], image_ids[b]) for a, b in find_alike(stack, progress)]
    return sorted(pairs)


def group_lookalikes(image_ids: Iterable[str], pairs: Iterable[Pair]) -> dict[str, str]:
    """Return image_id to the smallest id of all it is joined to by pairs, directly or not.

    Pairs that name other photographs than `image_ids` are left out.
    """
    group = {image_id: image_id for image_id in image_ids}

    def root(image_id: str) -> str:
        while group[image_id] != image_id:
            # Halving the way up keeps long chains from costing their square.
            group[image_id] = group[group[image_id]]
            image_id = group[image_id]
        return image_id

    for first, second in pairs:
        if first in group and second in group:
            low, high = sorted((root(first), root(second)))
            group[high] = low
    return {image_id: root(image_id) for image_id in group}


def _stamp(path: Path) -> list[object]:
    try:
        status = path.stat()
    except OSError:
        return [path.name, -1, -1]
    return [path.name, status.st_size, status.st_mtime_ns]


def _read_thumbnails(
    records: Sequence[Record], workers: int, progress: Callable[[int, int], None] | None
) -> dict[str, NDArray[np.uint8]]:
    thumbnails: dict[str, NDArray[np.uint8]] = {}
    with ThreadPoolExecutor(workers) as pool:
        for done, (record, thumbnail) in enumerate(
            zip(records, pool.map(_read_thumbnail, records), strict=True), start=1
        ):
            if thumbnail is not None:
                thumbnails[record.image_id] = thumbnail
            if progress is not None:
                progress(done, len(records))
    return thumbnails


def _read_thumbnail(record: Record) -> NDArray[np.uint8] | None:
    try:
        return make_thumbnail(read_image(record.image).pixels)
    except ImageError:
        return None


def _read_cache(path: Path, stamps: dict[str, list[object]]) -> list[Pair] | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["format"] != [FORMAT, SIDE]:
            return None
        files = stored["files"]
        if any(files.get(image_id) != stamp for image_id, stamp in stamps.items()):
            return None
        pairs = [(str(first), str(second)) for first, second in stored["pairs"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        _log.warning("%s is no list of look-alikes and is made anew", path)
        return None
    return [pair for pair in pairs if pair[0] in stamps and pair[1] in stamps]


def _write_cache(path: Path, stamps: dict[str, list[object]], pairs: list[Pair]) -> None:
    document = {"format": [FORMAT, SIDE], "files": stamps, "pairs": pairs}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(document).encode())
    except OSError as error:
        _log.warning("look-alikes are not kept: %s cannot be written (%s)", path, error.strerror)
