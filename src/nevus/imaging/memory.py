"""Memory that was freed and not given back."""

import ctypes
import sys
from typing import Any

from numpy.typing import NDArray

LARGE = 8 * 2**20
"""Bytes of pixels from which what a step leaves behind is worth giving back."""


def make_room_for(pixels: NDArray[Any]) -> None:
    """Give freed memory back, if there is a large photograph to work on."""
    if pixels.nbytes > LARGE:
        give_back_memory()


def give_back_memory() -> None:
    """Give freed memory back to the system, where the C library would keep it (glibc, Linux).

    Opening a model frees several times its size: its bytes, its graph before it was made faster,
    weights in another layout. glibc keeps that for later, in each process of a service.
    """
    if not sys.platform.startswith("linux"):
        return
    # Not every C library of Linux has it (musl).
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
