"""Threads that the views of one photograph are shared out among."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from nevus.errors import UsageError

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """Threads that start when they are needed, and again in a forked process, which has none.

    Args:
        count: At most as many as there are processors are used.

    Raises:
        UsageError: `count` is below 1.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise UsageError(f"threads is {count}, expected 1 or more")
        self.count = min(count, os.cpu_count() or 1)
        self._lock = Lock()
        self._opened: tuple[int, ThreadPoolExecutor] | None = None

    def map(self, call: Callable[[T], R], items: Sequence[T]) -> Iterable[R]:
        """Yield results in the order of `items`."""
        if self.count == 1 or len(items) == 1:
            return map(call, items)
        return self._open().map(call, items)

    def _open(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = (os.getpid(), ThreadPoolExecutor(self.count, "nevus-views"))
            return self._opened[1]
