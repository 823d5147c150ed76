"""Clients that read slowly or are too many, with a clock and a line that are drawn by hand."""

import logging
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


class Crowd:
    """Connections that share a server's set and a clock."""

    def __init__(self, most: int) -> None:
        self.connections: set[Any] = set()
        self.most = most
        self.now = 0.0

    def come(self) -> Any:
        made: Any = Protocol.__new__(Protocol)
        made.cycle, made.most, made.connections = None, self.most, self.connections
        made.logger, made.transport = logging.getLogger("nevus.test"), Line(0)
        self.now += 1
        made.loop = SimpleNamespace(time=lambda: self.now, call_later=lambda *_: None)
        made.flow = None
        line: Any = made.transport
        line.get_extra_info = lambda *_: None
        made.connection_made(line)
        return made

    @staticmethod
    def work(one: Any) -> None:
        one.cycle = SimpleNamespace(response_complete=False)


def test_one_too_many_takes_the_place_of_the_longest_idle() -> None:
    crowd = Crowd(3)
    first, second, third, fourth = (crowd.come() for _ in range(4))
    assert [one.transport.aborted for one in (first, second, third, fourth)] == [
        True, False, False, False,
    ]  # fmt: skip
    # The first is still in uvicorn's set: it must not be counted, nor dropped twice.
    crowd.work(second)
    fifth = crowd.come()
    assert third.transport.aborted
    assert not any(one.transport.aborted for one in (second, fourth, fifth))


def test_nobody_at_work_is_dropped() -> None:
    crowd = Crowd(2)
    for _ in range(2):
        crowd.work(crowd.come())
    newest = crowd.come()
    assert newest.transport.aborted
    assert sum(one.transport.aborted for one in crowd.connections) == 1
