"""More clients than files may be open."""

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from nevus.errors import UsageError
from nevus.serving import descriptors
from nevus.serving.descriptors import MOST_CONNECTIONS, Warner, allow_connections

FILES = 200


@pytest.mark.skipif(sys.platform == "win32", reason="sockets are no files there")
def test_a_crowd_that_asks_nothing(run_server: Callable[..., Any]) -> None:
    # The hard limit counts: the soft one, too low to start with, is raised to it.
    server = run_server(workers=1, patience=60, files=[64, FILES])
    server.wait_ready()
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(socket.create_connection(server.place, timeout=60))
            for _ in range(FILES + 50)
        ]
        # The oldest are cut off, the newest is answered.
        assert crowd[0].recv(1) == b""
        crowd[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert crowd[-1].recv(4096).startswith(b"HTTP/1.1 200 ")
        assert server.get("/livez").status == 200
        assert server.count("process_max_fds") == FILES
        assert 16 <= server.count("nevus_connections") < FILES
    log = server.log.read_text(encoding="utf-8")
    assert "connections: those idle longest are closed" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("limit", "connections"),
    [(200, 108), (1024, 932), (2**16, MOST_CONNECTIONS)],
)
def test_connections_that_a_limit_bears(
    monkeypatch: pytest.MonkeyPatch, limit: int, connections: int
) -> None:
    monkeypatch.setattr(descriptors, "raise_limit", lambda wanted: min(wanted, limit))
    assert allow_connections(1) == connections


def test_too_few_files_end_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "raise_limit", lambda _: 128)
    with pytest.raises(UsageError, match=r"only 128 files may be open, .* 8 workers .*ulimit -n"):
        allow_connections(8)


@pytest.mark.parametrize(
    ("soft", "hard", "allowed"),
    [(1024, 4096, 3000), (1024, 2048, 2048), (1024, -1, 3000), (4096, 4096, 3000), (-1, -1, 3000)],
)
def test_no_more_files_than_needed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, allowed: int
) -> None:
    resource = pytest.importorskip("resource", reason="sockets are no files there")
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limits.append(given))
    assert descriptors.raise_limit(3000) == allowed
    assert limits[-1] == ((allowed, hard) if 0 <= soft < allowed else (soft, hard))


def test_a_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimpleNamespace(now=5.0)
    warner = Warner(logging.getLogger("nevus.test"), lambda: clock.now)
    told: list[object] = []
    loop: Any = SimpleNamespace(default_exception_handler=told.append)
    full = {
        "message": "socket.accept() out of system resource", "socket": None,
        "exception": OSError(errno.EMFILE, "Too many open files"),
    }  # fmt: skip
    for now in (5.0, 5.1, 5.9, 6.1, 6.2):
        clock.now = now
        warner.handle(loop, dict(full))
    assert caplog.messages == ["no connection can be accepted: Too many open files"] * 2
    assert told == []
    other = {"message": "a defect", "exception": ValueError("x")}
    warner.handle(loop, other)
    assert told == [other]


def test_files_that_are_all_open(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio itself cannot accept, and tries again: one line."""
    resource: Any = pytest.importorskip("resource", reason="sockets are no files there")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(Warner(logging.getLogger("nevus.test"), lambda: 0.0).handle)
        with (
            socket.create_server(("127.0.0.1", 0)) as listening,
            socket.create_connection(listening.getsockname()),
        ):
            free = os.dup(listening.fileno())
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
            try:
                server = await loop.create_server(asyncio.Protocol, sock=listening, backlog=3)
                while not caplog.messages:
                    await asyncio.sleep(0)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            server.close()

    asyncio.run(run())
    assert caplog.messages == ["no connection can be accepted: Too many open files"]
