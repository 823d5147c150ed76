"""Freed memory goes back to the system."""

import ctypes
import sys
from pathlib import Path

import pytest

from nevus.imaging.memory import give_back_memory

RESIDENT = Path("/proc/self/statm")


@pytest.mark.skipif(not RESIDENT.is_file(), reason="/proc tells what is resident")
def test_it_is_given_back() -> None:
    if getattr(ctypes.CDLL(None), "malloc_trim", None) is None:
        pytest.skip("this C library has no malloc_trim")
    # Pieces below the size from which memory is mapped, and so given back, each for itself; the
    # last one holds the top of the heap.
    pieces = [ctypes.create_string_buffer(60_000) for _ in range(1000)]
    kept = pieces.pop()
    before = _count_pages()
    del pieces
    give_back_memory()
    assert before - _count_pages() > 30_000_000 / 4096
    assert len(kept) == 60_000


def test_other_systems_have_nothing_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", pytest.fail)
    give_back_memory()


def _count_pages() -> int:
    return int(RESIDENT.read_text(encoding="ascii").split()[1])
