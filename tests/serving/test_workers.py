"""Workers that die, hang, wait, are many, are stopped."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Together = Callable[[Sequence[Callable[[], Any]]], list[Any]]
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")


def test_a_full_queue(server: Any, together: Together) -> None:
    """Two at work, four wait, the others are told when to come back, and nobody is cut off."""
    answers = together([lambda: server.order("sleep", "0.5")] * 16)
    statuses = [one.status for one in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 6
    refused = next(one for one in answers if one.status == 429)
    assert refused.code == "queue_full"
    assert int(refused.headers["retry-after"]) >= 1


def test_many_answers_equal_the_sequential_ones(
    server: Any, together: Together, draw: Callable[..., bytes]
) -> None:
    def ask(seed: int) -> bytes:
        while True:
            answer = server.post([(f"{seed}.png", draw(seed))])
            if answer.status != 429:
                return bytes(answer.body)
            time.sleep(0.05)

    sequential = [ask(seed) for seed in range(32)]
    assert len(set(sequential)) == 32
    assert together([lambda seed=seed: ask(seed) for seed in range(32)]) == sequential


def test_a_death_costs_one_request(
    server: Any, together: Together, draw: Callable[..., bytes]
) -> None:
    answers = together(
        [lambda: server.order("die"), *[lambda: server.post([("a.png", draw())])] * 4]
    )
    assert [one.status for one in answers] == [500, 200, 200, 200, 200]
    assert answers[0].code == "worker_died"
    assert server.post([("a.png", draw())]).status == 200


@linux
def test_the_idle_may_die(server: Any, draw: Callable[..., bytes]) -> None:
    # None is leaving, none is starting: the two that are ready are all there are.
    server.wait_until(lambda: server.count("nevus_workers") == 2 == len(server.workers()))
    before = server.count("nevus_worker_ends_total")
    for worker in server.workers():
        # One that was to be renewed may have gone.
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    server.wait_until(lambda: server.count("nevus_worker_ends_total") >= before + 2)
    server.wait_ready()
    assert server.post([("a.png", draw())]).status == 200


def test_the_hung_are_replaced(server: Any, draw: Callable[..., bytes]) -> None:
    before = server.count('nevus_worker_ends_total{reason="hung"}')
    answer = server.order("hang")
    assert (answer.status, answer.code) == (504, "deadline")
    server.wait_ready()
    assert server.post([("a.png", draw())]).status == 200
    server.wait_until(lambda: server.count('nevus_worker_ends_total{reason="hung"}') > before)


def test_workers_are_renewed(server: Any, draw: Callable[..., bytes]) -> None:
    for seed in range(70):
        assert server.post([("a.png", draw(seed))]).status == 200
    for _ in range(600):
        if server.count('nevus_worker_ends_total{reason="recycled"}') > 0:
            return
        assert server.post([("a.png", draw())]).status == 200
        time.sleep(0.05)
    raise AssertionError("no worker was renewed")


def test_renewal_is_not_noticed(
    run_server: Callable[..., Any], together: Together, draw: Callable[..., bytes]
) -> None:
    server = run_server(workers=1, recycle=2)
    server.wait_ready()
    over: list[bool] = []

    def send() -> set[int]:
        found = set()
        for _ in range(600):
            found.add(server.post([("a.png", draw())]).status)
            if server.count('nevus_worker_ends_total{reason="recycled"}') >= 1:
                break
            time.sleep(0.1)
        over.append(True)
        return found

    def watch() -> set[int]:
        found = {server.get("/readyz").status}
        while not over:
            found.add(server.get("/readyz").status)
            time.sleep(0.01)
        return found

    assert together([send, watch]) == [{200}, {200}]
    assert server.count('nevus_worker_ends_total{reason="recycled"}') >= 1
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0


def test_accepted_requests_survive_a_stop(
    run_server: Callable[..., Any], together: Together, draw: Callable[..., bytes]
) -> None:
    server = run_server(workers=1, queue=8)
    server.wait_ready()

    def stop() -> tuple[int, int]:
        server.wait_until(lambda: server.count("nevus_admitted") == 4)
        server.process.send_signal(signal.SIGTERM)
        server.wait_ready(503)
        return server.get("/readyz").status, server.post([("a.png", draw())]).status

    *answers, told = together([*[lambda: server.order("sleep", "0.7")] * 4, stop])
    assert [one.status for one in answers] == [200] * 4
    assert told == (503, 503)
    assert server.process.wait(30) == 0


def test_damaged_models_stop_the_service(run_server: Callable[..., Any], tmp_path: Path) -> None:
    server = run_server(workers=1, models=str(tmp_path / "damaged"))
    assert server.process.wait(60) == 2
    assert server.process.stdout.read().strip() == "the model is damaged"
