"""Who may come in: how many requests are in work or wait, and how much memory they hold."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nevus.serving.refusals import closing, full
from nevus.serving.settings import Settings

_LONGEST_ADVICE: Final = 60
_FIRST_GUESS: Final = 1.0
_SMOOTHING: Final = 0.2


class Admission:
    """Counts what is accepted, and refuses the rest.

    Attributes:
        admitted: Requests in work or waiting for a worker.
        photographs: Of these requests.
        held: Bytes of all requests in memory.
        closed: Whether the service stops and takes nothing more.
    """

    def __init__(self, settings: Settings) -> None:
        self.admitted = 0
        self.photographs = 0
        self.held = 0
        self.closed = False
        self._settings = settings
        self._seconds: float | None = None

    def check(self) -> None:
        """Refuse a request that could not be admitted now.

        Raises:
            RefusedError: 429 while the queue is full, 503 while the service stops.
        """
        if self.closed:
            raise closing()
        self._check_room(1)

    @contextmanager
    def admit(self, photographs: int) -> Iterator[None]:
        """Count a request whose body has arrived.

        Raises:
            RefusedError: 429 where the queue is full.
        """
        # A service that stops still does what had begun to arrive.
        self._check_room(photographs)
        self.admitted += 1
        self.photographs += photographs
        try:
            yield
        finally:
            self.admitted -= 1
            self.photographs -= photographs

    def _check_room(self, photographs: int) -> None:
        if self.admitted >= self._settings.admitted:
            raise full(self.advise())
        # Better to be told at once than to wait for a deadline that will pass.
        waits = self.admitted >= self._settings.processes
        if waits and self._estimate(self.photographs + photographs) > self._settings.deadline:
            raise full(self.advise())

    def hold(self, size: int) -> None:
        """Count bytes that arrived.

        Raises:
            RefusedError: 429 where there would be too many; nothing is counted then.
        """
        if self.held + size > self._settings.held:
            raise full(self.advise())
        self.held += size

    def release(self, size: int) -> None:
        """Count bytes that are gone."""
        self.held -= size

    def note(self, seconds: float) -> None:
        """Remember how long a photograph kept a worker busy."""
        known = seconds if self._seconds is None else self._seconds
        self._seconds = known + _SMOOTHING * (seconds - known)

    def advise(self) -> int:
        """Return after how many seconds to come back: when half of the queue may be done."""
        return min(_LONGEST_ADVICE, max(1, math.ceil(self._estimate(self.photographs) / 2)))

    def _estimate(self, photographs: int) -> float:
        seconds = _FIRST_GUESS if self._seconds is None else self._seconds
        return seconds * photographs / self._settings.processes
