"""Each photograph decoded once per run size, kept as memory-mapped arrays."""

import errno
import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from nevus.errors import DataError, DiskFullError, ImageError, UsageError
from nevus.imaging.masks import read_truth
from nevus.imaging.preparation import Preparation
from nevus.imaging.reading import read_image
from nevus.imaging.resizing import resize_mask
from nevus.processors import count_processors

FORMAT = 2
MAX_MASKS = 8
_CHUNK = 2**24
_log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CacheItem:
    """What becomes one row of a cache.

    Attributes:
        image_id: The photograph's name.
        image: The photograph.
        masks: Its masks, equally many for every row, at most `MAX_MASKS`.
    """

    image_id: str
    image: Path
    masks: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Cache:
    """Photographs and masks of one size.

    Attributes:
        image_ids: Sorted as the items were.
        images: (N, H, W, 3) uint8, RGB.
        masks: (N, H, W) uint8; bit k is mask k, so that a single mask is 0 or 1.
        key: sha256 of pixels, masks and names: equal keys, equal data, wherever it lies.
        place: The folder that holds the arrays.
    """

    image_ids: tuple[str, ...]
    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    key: str
    place: Path

    def __reduce__(self) -> tuple[Callable[[Path], "Cache"], tuple[Path]]:
        """Travel to loader processes as a path: memory maps would be copied whole."""
        return read_cache, (self.place,)

    def indices(self, image_ids: Sequence[str]) -> list[int]:
        """Return the positions of `image_ids`, in their order."""
        places = {image_id: index for index, image_id in enumerate(self.image_ids)}
        return [places[image_id] for image_id in image_ids]


def cache_folder() -> Path:
    """Return where caches are kept: NEVUS_CACHE, or this user's cache folder.

    Raises:
        UsageError: This user has no home folder, as in some containers.
    """
    given = os.environ.get("NEVUS_CACHE")
    if given:
        return Path(given)
    try:
        return Path(platformdirs.user_cache_dir("nevus", appauthor=False))
    except RuntimeError as error:
        raise UsageError(
            "there is no home folder to keep caches in", hint="let NEVUS_CACHE name a folder"
        ) from error


def open_cache(
    items: Sequence[CacheItem],
    preparation: Preparation,
    *,
    folder: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Cache:
    """Return the cache of `items`, made first if it is not there or not whole.

    Args:
        items: Photographs, with equally many masks each.
        preparation: Size, and what else is done to each photograph.
        folder: Where caches are kept; default `cache_folder()`.
        workers: Threads that decode; default one for each processor, 16 at most.
        progress: Called with (done, total).

    Raises:
        DataError: Some photographs or masks cannot be read; every one is listed.
        DiskFullError: There is no room.
    """
    height, width = preparation.size
    name = f"{height}x{width}-{_stamp(items, preparation)[:16]}"
    place = (folder or cache_folder()) / name
    if not _is_whole(place):
        threads = workers or min(count_processors(), 16)
        _make(items, preparation, place, threads, progress)
    return read_cache(place)


def unpack_masks(packed: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Return (count, H, W) uint8 in {0, 1} for (H, W) uint8 with one mask per bit."""
    shifts = np.arange(count, dtype=np.uint8)[:, None, None]
    planes: NDArray[np.uint8] = (packed[None] >> shifts) & np.uint8(1)
    return planes


def read_cache(place: Path) -> Cache:
    """Return the cache in a folder that `open_cache` made, memory-mapped."""
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    shape = (len(index["image_ids"]), *index["size"])
    images = np.memmap(place / "images.u8", np.uint8, "r", shape=(*shape, 3))
    masks = np.memmap(place / "masks.u8", np.uint8, "r", shape=shape)
    return Cache(tuple(index["image_ids"]), images, masks, index["key"], place)


def _is_whole(place: Path) -> bool:
    """Return whether a folder holds a cache whose files are as long as its index says."""
    try:
        index = json.loads((place / "index.json").read_text(encoding="utf-8"))
        pixels = math.prod((len(index["image_ids"]), *index["size"]))
        lengths = [(place / name).stat().st_size for name in ("images.u8", "masks.u8")]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return lengths == [pixels * 3, pixels]


def _stamp(items: Sequence[CacheItem], preparation: Preparation) -> str:
    digest = hashlib.sha256(f"{FORMAT} {preparation}".encode())
    for item in items:
        # Names need not be UTF-8: of such a file the very bytes count.
        digest.update(item.image_id.encode(errors="surrogateescape"))
        for path in (item.image, *item.masks):
            stat = path.stat()
            digest.update(f" {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _make(
    items: Sequence[CacheItem],
    preparation: Preparation,
    place: Path,
    workers: int,
    progress: Progress | None,
) -> None:
    # Not at the top: `nevus data leaks` uses this module and needs no such package.
    from filelock import FileLock

    place.parent.mkdir(parents=True, exist_ok=True)
    # Made beside and renamed, so that a kill leaves no half a cache behind; what an earlier kill
    # did leave is removed by whoever holds the lock. A second process waits and finds it made.
    building = place.with_name(f"{place.name}.building")
    with FileLock(place.with_name(f"{place.name}.lock")):
        if _is_whole(place):
            return
        for old in (building, place):
            shutil.rmtree(old, ignore_errors=True)
        try:
            building.mkdir(mode=0o700)
            _build(items, preparation, building, workers, progress)
            building.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
                raise
            raise DiskFullError(
                f"no room for the cache {place}: {_count_bytes(items, preparation):,} bytes are "
                "needed",
                hint="make room, or let NEVUS_CACHE name a folder on another disk",
            ) from error
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _build(
    items: Sequence[CacheItem],
    preparation: Preparation,
    building: Path,
    workers: int,
    progress: Progress | None,
) -> None:
    count, size = len(items), preparation.size
    images = _reserve(building / "images.u8", (count, *size, 3))
    masks = _reserve(building / "masks.u8", (count, *size))
    _fill(items, preparation, images, masks, workers, progress)
    image_ids = [item.image_id for item in items]
    index = {"image_ids": image_ids, "size": size, "key": _key(image_ids, images, masks)}
    images.flush()
    masks.flush()
    (building / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _reserve(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    """Return a new file as an array whose every byte has its place on the disk.

    A memory map with holes kills the process, without a word, once the disk is full.

    Raises:
        OSError: There is no room.
    """
    length = math.prod(shape)
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, length)
        else:
            for start in range(0, length, _CHUNK):
                file.write(bytes(min(_CHUNK, length - start)))
    return np.memmap(path, np.uint8, "r+", shape=shape)


def _count_bytes(items: Sequence[CacheItem], preparation: Preparation) -> int:
    return len(items) * math.prod(preparation.size) * 4


def _key(image_ids: Sequence[str], *arrays: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256("\n".join(image_ids).encode(errors="surrogateescape"))
    for array in arrays:
        digest.update(repr(array.shape).encode())
        for row in array:
            digest.update(row.data)
    return digest.hexdigest()


def _fill(
    items: Sequence[CacheItem],
    preparation: Preparation,
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    workers: int,
    progress: Progress | None,
) -> None:
    odd: dict[str, str] = {}

    def fill_one(index: int) -> str | None:
        image_id = items[index].image_id
        try:
            images[index], masks[index], notes = _read_sample(items[index], preparation)
        except ImageError as error:
            return f"{image_id}: {error}"
        if notes:
            odd[image_id] = notes[0]
        return None

    problems: list[str] = []
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for done, problem in enumerate(pool.map(fill_one, range(len(items))), start=1):
            if problem:
                problems.append(problem)
            if progress:
                progress(done, len(items))
    if problems:
        raise DataError(
            f"{len(problems)} of {len(items)} samples cannot be read, first: {problems[0]}",
            problems=problems,
            hint="nevus data check lists all of them",
        )
    if odd:
        first = min(odd)
        _log.warning(
            "the masks of %d of %d photographs are odd and understood, such as %s: %s "
            "(nevus data check lists all of them)",
            len(odd), len(items), first, odd[first],
        )  # fmt: skip


def _read_sample(
    item: CacheItem, preparation: Preparation
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[str]]:
    pixels = read_image(item.image).pixels
    shape = (pixels.shape[0], pixels.shape[1])
    packed = np.zeros(preparation.size, np.uint8)
    notes: list[str] = []
    for bit, path in enumerate(item.masks):
        truth = read_truth(path, size=shape)
        notes += truth.warnings
        mask = truth.mask[preparation.window(shape)]
        packed |= resize_mask(mask, preparation.size).astype(np.uint8) << np.uint8(bit)
    return preparation.apply(pixels), packed, notes
