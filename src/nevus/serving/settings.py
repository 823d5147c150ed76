"""How the service is run: addresses, limits and times."""

import ipaddress
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nevus.errors import UsageError
from nevus.processors import count_processors

MIB: Final = 2**20
WORKER: Final = (sys.executable, "-P", "-m", "nevus.serving.worker")
"""A worker's command; -P keeps modules of the current folder out of it."""
SHORTEST_TOKEN: Final = 16
TOKEN: Final = "NEVUS_TOKEN"
"""Variable of the environment."""
_MOST_WORKERS: Final = 8
_HOST: Final = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """All that `nevus serve` can be told, and what tests shorten.

    Attributes:
        host: Address to bind; any but loopback needs a token.
        port: 0: a free one.
        token: Asked for in ``Authorization: Bearer``; None: not asked.
        workers: Processes that decode and analyse; 0: one per processor, 8 at most.
        threads: For a photograph in a worker; 0: the processors, shared out.
        queue: Requests that wait for a worker; the next is told to come back.
        max_body: Of a request, bytes.
        max_photographs: In one request.
        models: A folder of exported models; None: those that ship.
        deadline: From the last byte of a request to its answer, and for one photograph, seconds.
        allow_hosts: Names in the ``Host`` header besides loopback's.
        patience: How long a sender may be silent, or behind `rate`, seconds.
        rate: Bytes per second a sender has to keep up after `patience`.
        recycle: Photographs after which a worker is replaced, so that its memory cannot creep up.
        drain: How long accepted requests may take after SIGTERM, seconds.
        command: That starts a worker.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    workers: int = 0
    threads: int = 0
    queue: int = 16
    max_body: int = 32 * MIB
    max_photographs: int = 16
    models: Path | None = None
    deadline: float = 30.0
    allow_hosts: tuple[str, ...] = ()
    patience: float = 10.0
    rate: int = 64 * 2**10
    recycle: int = 500
    drain: float = 13.0
    command: tuple[str, ...] = WORKER

    def __post_init__(self) -> None:
        _check_numbers(self)
        if self.token is None:
            if not is_loopback(self.host):
                raise UsageError(
                    f"{self.host} can be reached by other machines, and there is no token",
                    hint="set NEVUS_TOKEN or --token, or bind 127.0.0.1",
                )
        elif len(self.token) < SHORTEST_TOKEN or not self.token.isascii() or " " in self.token:
            raise UsageError(
                f"the token has to be at least {SHORTEST_TOKEN} ASCII signs without a space",
                hint="python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one",
            )

    @property
    def address(self) -> str:
        """Where the service is, as a client on this machine names it."""
        return f"http://{self.host_name}:{self.port}"

    @property
    def host_name(self) -> str:
        """The address to bind, as it stands in a ``Host`` header."""
        return f"[{self.host.strip('[]')}]" if ":" in self.host else self.host

    @property
    def processes(self) -> int:
        """How many workers there are."""
        return self.workers or min(count_processors(), _MOST_WORKERS)

    @property
    def threads_each(self) -> int:
        """How many threads a network has in each worker."""
        return self.threads or max(1, count_processors() // self.processes)

    @property
    def admitted(self) -> int:
        """How many requests are in work or wait, at most."""
        return self.queue + self.processes

    @property
    def held(self) -> int:
        """Bytes of requests in memory, at most, those still arriving included."""
        return (self.admitted + 1) * self.max_body


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_numbers(settings: Settings) -> None:
    least = {
        "port": 0, "workers": 0, "threads": 0, "queue": 0, "max_body": 1024,
        "max_photographs": 1, "recycle": 1, "rate": 1,
    }  # fmt: skip
    for name, bound in least.items():
        if getattr(settings, name) < bound:
            shown, given = name.replace("_", "-"), getattr(settings, name)
            if name == "max_body":
                raise UsageError(f"max-body is {given / MIB:g} MiB, expected 0.001 or more")
            raise UsageError(f"{shown} is {given}, expected {bound} or more")
    if settings.port > 65535:
        raise UsageError(f"port is {settings.port}, expected 65535 or less")
    for name in ("deadline", "patience", "drain"):
        if not 0 < getattr(settings, name) < float("inf"):
            raise UsageError(
                f"{name} is {getattr(settings, name)}, expected seconds above 0, not endless"
            )
    for name in settings.allow_hosts:
        if not _HOST.fullmatch(name):
            raise UsageError(
                f"allow-host {name!r} can be in no Host header",
                hint="a bare name or address, such as nevus.example.org or nevus.example.org:8443",
            )
