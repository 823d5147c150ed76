"""Silence: kept in every thread, and gone with the last."""

import io
import threading
import time
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nevus.imaging.reading import read_image
from nevus.imaging.silence import silence

NOISE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
ROWS, COLUMNS = np.mgrid[:40, :56]
SMOOTH = np.stack([ROWS * 5, COLUMNS * 4, 255 - ROWS * 3], axis=2).astype(np.uint8)


def encode(
    picture: Image.Image | NDArray[np.generic], kind: str = "PNG", **options: object
) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_threads_leave_the_warning_filters_alone() -> None:
    before, failures = list(warnings.filters), []
    data = [encode(SMOOTH, "JPEG", exif=b"Exif\0\0" + NOISE.tobytes()[:500]), encode(NOISE)]

    def read(seed: int) -> None:
        try:
            for number in range(30):
                read_image(data[(seed + number) % 2])
                time.sleep(0.0001 * seed)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert warnings.filters == before


def test_warnings_are_heard_again() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with silence(), silence():
            warnings.warn("within", stacklevel=1)
        warnings.warn("after", stacklevel=1)
    assert [str(warning.message) for warning in heard] == ["after"]


def test_an_error_within_ends_the_silence() -> None:
    before = list(warnings.filters)
    with pytest.raises(KeyError), silence():
        raise KeyError
    assert warnings.filters == before
