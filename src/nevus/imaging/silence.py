"""Pillow's warnings, kept quiet while files are read in several threads."""

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_readers = 0
_outer = warnings.catch_warnings()


@contextmanager
def silence() -> Iterator[None]:
    """Ignore all warnings within; the filters are the caller's again when the last thread leaves.

    `warnings.catch_warnings` alone restores what it met, which with several threads may be the
    silence of another: then nothing would be warned of for the rest of the process.
    """
    if getattr(sys.flags, "context_aware_warnings", False):
        # There each thread has its own filters.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    # Standard error is one for the whole process, and so is the count of those who closed it.
    global _readers, _outer  # noqa: PLW0603
    with _lock:
        if _readers == 0:
            _outer = warnings.catch_warnings()
            _outer.__enter__()
            warnings.simplefilter("ignore")
        _readers += 1


def _leave() -> None:
    # See `_enter`.
    global _readers  # noqa: PLW0603
    with _lock:
        _readers -= 1
        if _readers == 0:
            _outer.__exit__(None, None, None)
