"""Who may come in: how many requests are in work or wait, and how much memory they hold."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nevus.serving.refusals import closing, full, hopeless
from nevus.serving.settings import Settings

_LONGEST_ADVICE: Final = 60
_FIRST_GUESS: Final = 1.0
# Slower photographs are believed sooner than faster ones: a late answer is worse than a refusal.
_SLOWER, _FASTER = 0.5, 0.2


class Admission:
    """Counts what is accepted, and refuses the rest.

    Attributes:
        admitted: Requests in work or waiting for a worker.
        photographs: Verb to photographs of these requests.
        held: Bytes of all requests in memory.
        closed: Whether the service stops and takes nothing more.
    """

    def __init__(self, settings: Settings) -> None:
        self.admitted = 0
        self.photographs: Counter[str] = Counter()
        self.held = 0
        self.closed = False
        self._settings = settings
        self._seconds: dict[str, float] = {}

    def check(self, verb: str) -> None:
        """Refuse a request that could not be admitted now.

        Raises:
            RefusedError: 429 while the queue is full, 503 while the service stops.
        """
        if self.closed:
            raise closing()
        self._check_room(verb, 1)

    @contextmanager
    def admit(self, verb: str, photographs: int) -> Iterator[None]:
        """Count a request whose body has arrived.

        Raises:
            RefusedError: 429 where the queue is full.
        """
        # A service that stops still does what had begun to arrive.
        self._check_room(verb, photographs)
        self.admitted += 1
        self.photographs[verb] += photographs
        try:
            yield
        finally:
            self.admitted -= 1
            self.photographs[verb] -= photographs

    def _check_room(self, verb: str, photographs: int) -> None:
        if self.admitted >= self._settings.admitted:
            raise full(self.advise())
        # Better to be told at once than to wait for a deadline that will pass.
        waits = self.admitted >= self._settings.processes
        together = self.photographs + Counter({verb: photographs})
        if waits and self._estimate(together) > self._settings.deadline:
            raise hopeless(self.advise(), self._settings.deadline)

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

    def note(self, verb: str, seconds: float) -> None:
        """Remember how long a photograph kept a worker busy."""
        known = self._seconds.get(verb, seconds)
        self._seconds[verb] = known + (_SLOWER if seconds > known else _FASTER) * (seconds - known)

    def advise(self) -> int:
        """Return after how many seconds to come back: when half of the queue may be done."""
        return min(_LONGEST_ADVICE, max(1, math.ceil(self._estimate(self.photographs) / 2)))

    def _estimate(self, photographs: Counter[str]) -> float:
        """Return the seconds until all are done; a verb not seen yet counts as the slowest."""
        guess = max(self._seconds.values(), default=_FIRST_GUESS)
        work = (count * self._seconds.get(verb, guess) for verb, count in photographs.items())
        return sum(work) / self._settings.processes
