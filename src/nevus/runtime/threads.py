"""Threads that the networks and views of one photograph are shared out among."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from nevus.errors import UsageError
from nevus.labels import TASKS
from nevus.processors import count_processors

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """Threads that start when they are needed, and again in a forked process, which has none.

    Args:
        count: How many compute; at most as many as there are processors.

    Raises:
        UsageError: `count` is below 1.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise UsageError(f"threads is {count}, expected 1 or more")
        self.count = min(count, count_processors())
        self._lock = Lock()
        self._opened: tuple[int, ThreadPoolExecutor, ThreadPoolExecutor] | None = None

    def map(self, call: Callable[[T], R], items: Sequence[T]) -> Iterable[R]:
        """Yield results in the order of `items`; `call` must not use these threads itself."""
        if self.count == 1 or len(items) == 1:
            return map(call, items)
        return self._open()[0].map(call, items)

    def compute(self, call: Callable[[], R]) -> Callable[[], R]:
        """Begin a call beside others; what is returned waits for its result or raises its error.

        With one thread it is begun when it is asked for. `call` must not use these threads itself.
        """
        if self.count == 1:
            return call
        return self._open()[0].submit(call).result

    def attend(self, call: Callable[[], R]) -> Callable[[], R]:
        """Like `compute`, for a call that mostly waits for what it lets these threads compute.

        What one network does with its views' results then fills the gaps of another.
        """
        if self.count == 1:
            return call
        return self._open()[1].submit(call).result

    def _open(self) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                views = ThreadPoolExecutor(self.count, "nevus-views")
                # Those that wait for views must not take the places of those that compute them.
                networks = ThreadPoolExecutor(len(TASKS), "nevus-networks")
                self._opened = (os.getpid(), views, networks)
            return self._opened[1:]
