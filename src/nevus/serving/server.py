"""Runs the application until it is told to stop, and then until accepted requests are done."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from nevus.errors import UsageError
from nevus.serving.app import create_app
from nevus.serving.descriptors import ACCEPTED_AT_ONCE, Warner, allow_connections
from nevus.serving.protocol import Protocol
from nevus.serving.settings import Settings

_log = logging.getLogger(__name__)
_BACKLOG: Final = 1024
"""Connections that the system keeps until they are accepted."""
_LARGEST_HEAD: Final = 16 * 2**10
_KEEP_ALIVE: Final = 15
_LAST_SECONDS: Final = 2
_STEP: Final = 0.05


def serve(settings: Settings, *, announce: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: How.
        announce: Told the address once it is bound.

    Raises:
        UsageError: The address cannot be bound, or too few files may be open.
        ModelsError: The models cannot be used.
    """
    most = allow_connections(settings.processes)
    with bind(settings) as bound:
        host, port = bound.getsockname()[:2]
        settings = replace(settings, port=port)
        announce(f"{replace(settings, host=host).address}/")
        app = create_app(settings)
        server = Server(_configure(app, settings, most), app, settings)
        app.state.service.pool.on_broken = server.stop
        app.state.service.telemetry.watch_connections(lambda: len(server.server_state.connections))
        server.run(sockets=[bound])
    if app.state.service.pool.broken is not None:
        raise app.state.service.pool.broken


def bind(settings: Settings) -> socket.socket:
    """Return a socket at the service's address.

    Raises:
        UsageError: The address is unknown, not of this machine, or taken.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            settings.host.strip("[]"), settings.port, type=socket.SOCK_STREAM
        )[0]
        bound = socket.socket(family, kind, number)
    except (OSError, ValueError) as error:
        # Labels that no name can have never get as far as the system.
        why = error.strerror if isinstance(error, OSError) else "no name is like that"
        shown = settings.host if settings.host.isprintable() else ascii(settings.host)
        raise UsageError(
            f"{shown} is no address: {why}", hint="an address of this machine, such as 127.0.0.1"
        ) from error
    try:
        if sys.platform != "win32":
            # Elsewhere it lets a restart bind at once; on Windows it would let two services.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        where = f"{settings.host} port {settings.port}"
        raise UsageError(
            f"{where} cannot be bound: {error.strerror}", hint="choose another --port"
        ) from error
    return bound


class Server(uvicorn.Server):
    """uvicorn's, which first lets accepted requests finish while it still answers new ones."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, settings: Settings) -> None:
        super().__init__(config)
        self._app = app
        self._settings = settings
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and remember the loop for signals."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(Warner(_log).handle)
        await super().startup(sockets)
        for one in sockets or ():
            # uvicorn has one number for how many wait and how many are accepted at once.
            one.listen(_BACKLOG)

    # Called as a signal handler: the frame comes along, wanted or not.
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop on a signal; a second Ctrl-C does not wait."""
        if sig == signal.SIGINT and self._app.state.service.admission.closed:
            self.force_exit = self.should_exit = True
        self._app.state.service.admission.closed = True
        if self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self.stop)

    def stop(self) -> None:
        """Take nothing more, finish what was accepted, then end."""
        self._app.state.service.admission.closed = True
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain())

    @property
    def _is_read(self) -> bool:
        """Whether a client still reads an answer; the end would cut it off."""
        lines = (one.transport for one in self.server_state.connections)
        return any(line.get_write_buffer_size() for line in lines)

    async def _drain(self) -> None:
        service, gate = self._app.state.service, self._app.state.gate
        end = asyncio.get_running_loop().time() + self._settings.drain
        while (gate.active or self._is_read) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(_STEP)
        if gate.active:
            _log.warning("%d requests took too long and are refused", gate.active)
            service.aborted.set()
            await asyncio.sleep(_STEP)
        self.should_exit = True


def _configure(app: FastAPI, settings: Settings, most: int) -> uvicorn.Config:
    limits = {"patience": settings.patience, "rate": settings.rate, "most": most}
    kind: Any = type("PatientProtocol", (Protocol,), limits)
    return uvicorn.Config(
        app, http=kind, ws="none", loop="asyncio", lifespan="on", log_config=None,
        access_log=False, server_header=False, proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE, timeout_graceful_shutdown=_LAST_SECONDS,
        h11_max_incomplete_event_size=_LARGEST_HEAD, backlog=ACCEPTED_AT_ONCE,
    )  # fmt: skip
