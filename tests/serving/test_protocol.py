"""Clients that read slowly, with a clock and a line that are drawn by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from nevus.serving.protocol import Protocol

WINDOW = 3 * Protocol.patience
LEAST = int(WINDOW * Protocol.rate)


@dataclass
class Line:
    """A transport: bytes that the client has not read yet."""

    left: int
    aborted: bool = False

    def get_write_buffer_size(self) -> int:
        return self.left

    def abort(self) -> None:
        self.aborted = True


@dataclass
class Clock:
    """A loop: what was put off, and for how long."""

    waiting: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def call_later(self, delay: float, act: Callable[..., None], *given: Any) -> Any:
        entry = (delay, lambda: act(*given))
        self.waiting.append(entry)
        return SimpleNamespace(cancel=lambda: self.waiting.remove(entry))

    def strike(self) -> None:
        ((delay, act),) = self.waiting
        assert delay == WINDOW
        self.waiting.clear()
        act()


@pytest.fixture
def protocol() -> Any:
    made: Any = Protocol.__new__(Protocol)
    made.flow = SimpleNamespace(pause_writing=lambda: None, resume_writing=lambda: None)
    made.loop, made.transport = Clock(), Line(10 * LEAST)
    return made


def test_who_reads_nothing_is_cut_off(protocol: Any) -> None:
    protocol.pause_writing()
    protocol.loop.strike()
    assert protocol.transport.aborted
    assert protocol.loop.waiting == []


def test_who_reads_slowly_gets_all_of_a_large_answer(protocol: Any) -> None:
    protocol.pause_writing()
    for _ in range(8):
        protocol.transport.left -= LEAST
        protocol.loop.strike()
        assert not protocol.transport.aborted
    protocol.resume_writing()
    assert protocol.loop.waiting == []


def test_who_reads_in_drips_is_cut_off(protocol: Any) -> None:
    protocol.pause_writing()
    protocol.transport.left -= LEAST
    protocol.loop.strike()
    protocol.transport.left -= LEAST - 1
    protocol.loop.strike()
    assert protocol.transport.aborted
