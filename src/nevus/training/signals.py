"""Stopping on request: a signal or a time limit ends a run after the step at hand."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Remembers the first signal, and whether the time is up.

    Args:
        max_minutes: Time limit, or None.
    """

    def __init__(self, max_minutes: float | None = None) -> None:
        self.signal_number = 0
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
