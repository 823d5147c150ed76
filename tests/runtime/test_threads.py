"""Calls beside each other: results in order, errors where they are asked for."""

import threading

import pytest

from nevus.errors import UsageError
from nevus.runtime.threads import Threads


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Threads:
    monkeypatch.setattr("nevus.runtime.threads.os.cpu_count", lambda: 2)
    return Threads(request.param)


def test_results_keep_their_order(threads: Threads) -> None:
    assert list(threads.map(lambda value: value * 2, range(9))) == list(range(0, 18, 2))


def test_calls_that_wait_leave_room_for_what_they_wait_for(threads: Threads) -> None:
    def network() -> int:
        return sum(threads.map(lambda value: value, [1, 2, 3, 4]))

    waiting = [threads.attend(network) for _ in range(6)]
    besides = threads.compute(lambda: "done")
    assert [call() for call in waiting] == [10] * 6
    assert besides() == "done"


@pytest.mark.parametrize("way", ["compute", "attend"])
def test_errors_come_with_the_result(threads: Threads, way: str) -> None:
    def fail() -> None:
        raise UsageError("wrong")

    call = getattr(threads, way)(fail)
    with pytest.raises(UsageError, match="wrong"):
        call()


def test_never_more_compute_than_were_asked_for(threads: Threads) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def count(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.002)
        with lock:
            running -= 1

    waiting = [threads.attend(lambda: list(threads.map(count, range(4)))) for _ in range(3)]
    besides = [threads.compute(lambda: count(0)) for _ in range(3)]
    for call in (*waiting, *besides):
        call()
    assert most <= threads.count


def test_fewer_than_one_are_refused() -> None:
    with pytest.raises(UsageError, match="threads is 0"):
        Threads(0)
