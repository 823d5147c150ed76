"""Each photograph decoded once per run size, kept as memory-mapped arrays."""

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from nevus.data.records import Record
from nevus.errors import DataError, ImageError
from nevus.imaging.masks import read_truth
from nevus.imaging.reading import read_image
from nevus.imaging.resizing import resize_image, resize_mask

FORMAT = 1
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Cache:
    """Photographs and masks of one size.

    Attributes:
        image_ids: Sorted as the records were.
        images: (N, H, W, 3) uint8, RGB.
        masks: (N, H, W) uint8 in {0, 1}.
        key: Names content and size: equal keys, equal pixels.
        place: The folder that holds the arrays.
    """

    image_ids: tuple[str, ...]
    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    key: str
    place: Path

    def __reduce__(self) -> tuple[Callable[[Path, str], "Cache"], tuple[Path, str]]:
        """Travel to loader processes as a path: memory maps would be copied whole."""
        return _open, (self.place, self.key)

    def indices(self, image_ids: Sequence[str]) -> list[int]:
        """Return the positions of `image_ids`, in their order."""
        places = {image_id: index for index, image_id in enumerate(self.image_ids)}
        return [places[image_id] for image_id in image_ids]


def cache_folder() -> Path:
    """Return where caches are kept: NEVUS_CACHE, or this user's cache folder."""
    given = os.environ.get("NEVUS_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("nevus", appauthor=False))


def open_cache(
    records: Sequence[Record],
    size: tuple[int, int],
    *,
    folder: Path | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Cache:
    """Return the cache of `records` at `size`, made first if it is not there.

    Args:
        records: Photographs with masks.
        size: (height, width) in pixels.
        folder: Where caches are kept; default `cache_folder()`.
        workers: Threads that decode.
        progress: Called with (done, total).

    Raises:
        DataError: Some photographs or masks cannot be read; every one is listed.
    """
    key = _key(records, size)
    place = (folder or cache_folder()) / f"segmentation-{size[0]}x{size[1]}-{key[:16]}"
    if not (place / "index.json").is_file():
        _make(records, size, place, workers, progress)
    return _open(place, key)


def _open(place: Path, key: str) -> Cache:
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    shape = (len(index["image_ids"]), *index["size"])
    images = np.memmap(place / "images.u8", np.uint8, "r", shape=(*shape, 3))
    masks = np.memmap(place / "masks.u8", np.uint8, "r", shape=shape)
    return Cache(tuple(index["image_ids"]), images, masks, key, place)


def _key(records: Sequence[Record], size: tuple[int, int]) -> str:
    digest = hashlib.sha256(f"{FORMAT} {size}".encode())
    for record in records:
        digest.update(record.image_id.encode())
        for path in (record.image, record.mask):
            stat = path.stat() if path else None
            digest.update(f" {stat.st_size} {stat.st_mtime_ns}\n".encode() if stat else b" -\n")
    return digest.hexdigest()


def _make(
    records: Sequence[Record],
    size: tuple[int, int],
    place: Path,
    workers: int,
    progress: Progress | None,
) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # Made beside and renamed, so that neither a kill nor a second process leaves half a cache.
    building = Path(tempfile.mkdtemp(prefix="building-", dir=place.parent))
    try:
        count = len(records)
        images = np.memmap(building / "images.u8", np.uint8, "w+", shape=(count, *size, 3))
        masks = np.memmap(building / "masks.u8", np.uint8, "w+", shape=(count, *size))
        _fill(records, size, images, masks, workers, progress)
        images.flush()
        masks.flush()
        del images, masks
        index = {"image_ids": [record.image_id for record in records], "size": size}
        (building / "index.json").write_text(json.dumps(index), encoding="utf-8")
        try:
            building.rename(place)
        except OSError:
            if not (place / "index.json").is_file():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _fill(
    records: Sequence[Record],
    size: tuple[int, int],
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    workers: int,
    progress: Progress | None,
) -> None:
    def fill_one(index: int) -> str | None:
        try:
            images[index], masks[index] = _read_sample(records[index], size)
        except ImageError as error:
            return f"{records[index].image_id}: {error}"
        return None

    problems: list[str] = []
    # Readers silence warnings, which threads do not do apart from each other: restored here.
    with warnings.catch_warnings(), ThreadPoolExecutor(max(workers, 1)) as pool:
        for done, problem in enumerate(pool.map(fill_one, range(len(records))), start=1):
            if problem:
                problems.append(problem)
            if progress:
                progress(done, len(records))
    if problems:
        raise DataError(
            f"{len(problems)} of {len(records)} samples cannot be read, first: {problems[0]}",
            problems=problems,
            hint="nevus data check lists all of them",
        )


def _read_sample(
    record: Record, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pixels = read_image(record.image).pixels
    if record.mask is None:
        raise ImageError("missing", f"{record.image.name} has no mask")
    truth = read_truth(record.mask, size=pixels.shape[:2])
    return resize_image(pixels, size), resize_mask(truth.mask, size).astype(np.uint8)
