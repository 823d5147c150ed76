"""Epoch 2 from the cache against decoding full-size photographs each time.

    python benchmarks/loading.py --images FOLDER [--size 192 256] [--rounds 3]

Both ways give the same arrays; that is checked first.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from nevus.data.cache import CacheItem, open_cache
from nevus.imaging.files import find_images
from nevus.imaging.masks import write_mask
from nevus.imaging.preparation import Preparation
from nevus.imaging.reading import read_image, read_size
from nevus.imaging.resizing import resize_image


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(192, 256))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    size = tuple(arguments.size)
    with tempfile.TemporaryDirectory() as name:
        items = []
        for image in find_images([arguments.images]):
            mask = Path(name) / f"{image.stem}.png"
            write_mask(mask, np.ones(read_size(image), bool))
            items.append(CacheItem(image.stem, image, (mask,)))
        started = time.perf_counter()
        cache = open_cache(items, Preparation(size), folder=Path(name) / "cache")
        made = time.perf_counter() - started
        for index, item in enumerate(items):
            again = resize_image(read_image(item.image).pixels, size)
            assert np.array_equal(cache.images[index], again), item.image_id
        ratios, cached, decoded = [], [], []
        for _ in range(arguments.rounds):
            started = time.perf_counter()
            for index in range(len(items)):
                np.array(cache.images[index]).sum()
            cached.append(time.perf_counter() - started)
            started = time.perf_counter()
            for item in items:
                resize_image(read_image(item.image).pixels, size).sum()
            decoded.append(time.perf_counter() - started)
            ratios.append(decoded[-1] / cached[-1])
        del cache
    print(
        f"{len(items)} photographs at {size[0]} x {size[1]}, one thread, {arguments.rounds} rounds"
    )
    print(f"making the cache once: {made:.2f} s (two threads)")
    print(f"cache {statistics.median(cached):.4f} s, decoding {statistics.median(decoded):.2f} s")
    print(f"ratio decoding / cache: median {statistics.median(ratios):.0f}, min {min(ratios):.0f}")


if __name__ == "__main__":
    main()
