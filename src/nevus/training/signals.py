"""Stopping on request: a signal or a time limit ends a run after the step at hand.

What takes minutes and changes no weight, validation and mining, a signal ends at once.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedAtOnceError(Exception):
    """A signal came while nothing was going on that a resumed run could not begin again."""


class StopRequest:
    """Remembers the first signal, and whether the time is up.

    Args:
        max_minutes: Time limit, or None.
    """

    def __init__(self, max_minutes: float | None = None) -> None:
        self.signal_number = 0
        self._breaks = False
        self._deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes

    @property
    def is_set(self) -> bool:
        """Whether the run should stop."""
        late = self._deadline is not None and time.monotonic() >= self._deadline
        return bool(self.signal_number) or late

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal; a second Ctrl-C stops at once."""
        if self.signal_number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_number = number
        if self._breaks:
            raise StoppedAtOnceError

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let signals break off what is done inside.

        Raises:
            StoppedAtOnceError: A signal came, inside or just before.
        """
        self._breaks = True
        try:
            if self.signal_number:
                raise StoppedAtOnceError
            yield
        finally:
            self._breaks = False


def pass_over_first(_worker: int) -> None:
    """Let a loader process live through the first signal; a ``worker_init_fn``.

    Ctrl-C and many supervisors signal every process of a run. A loader that died of it would
    take the run along in the middle of a step; the run ends its loaders itself, by a second one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: _obey_next())


def _obey_next() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def listening(request: StopRequest) -> Iterator[None]:
    """Let `request` receive SIGINT and SIGTERM; elsewhere than in the main thread, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, request.receive) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
