"""Open files, of which every connection is one: how many there may be, and what is said at the end.

Without a bound of its own the service would meet the system's: asyncio then tries again and
again, with a traceback each time, and nobody is answered.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from nevus.errors import UsageError

ACCEPTED_AT_ONCE: Final = 16
"""Connections that asyncio accepts in one go, before any of them is counted."""
MOST_CONNECTIONS: Final = 2048
"""However many files may be open."""

_FEWEST_CONNECTIONS: Final = 16
_OWN: Final = 16
# A worker and its successor have three pipes each, and some more while they start.
_OF_A_WORKER: Final = 12
# Some rounds pass between a connection's acceptance and its end, and each accepts more.
_ON_THE_WAY: Final = 4 * ACCEPTED_AT_ONCE
_SILENCE: Final = 1.0


def allow_connections(processes: int) -> int:
    """Raise the limit of open files as far as needed and allowed; return the connections it bears.

    Args:
        processes: Workers.

    Raises:
        UsageError: It leaves next to none.
    """
    kept = _OWN + _OF_A_WORKER * processes + _ON_THE_WAY
    limit = raise_limit(MOST_CONNECTIONS + kept)
    if limit < _FEWEST_CONNECTIONS + kept:
        raise UsageError(
            f"only {limit} files may be open, expected {_FEWEST_CONNECTIONS + kept} or more "
            f"for {processes} workers",
            hint="raise it, such as by ulimit -n 1024, or take fewer --workers",
        )
    return min(limit - kept, MOST_CONNECTIONS)


def raise_limit(wanted: int) -> int:
    """Raise this process's limit of open files, if it is below; return the files it allows."""
    if sys.platform == "win32":
        return wanted  # sockets are no files there
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


class Warner:
    """Logs at most one warning a second, so that a flood of clients does not become one of lines.

    Args:
        log: Where to.
        clock: Seconds.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = monotonic) -> None:
        self._log = log
        self._clock = clock
        self._next = clock()

    def warn(self, text: str, *values: object) -> None:
        """Log a line, unless there was one just now."""
        if self._clock() >= self._next:
            self._next = self._clock() + _SILENCE
            self._log.warning(text, *values)

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle what asyncio could not: a line where it cannot accept, else as it does itself."""
        error = context.get("exception")
        if isinstance(error, OSError) and "socket" in context:
            self.warn("no connection can be accepted: %s", error.strerror)
        else:
            loop.default_exception_handler(context)
