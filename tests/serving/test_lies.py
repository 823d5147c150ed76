"""Workers that were taken over: what they say is believed only where it has the right shape."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nevus.serving.admission import Admission
from nevus.serving.colleague import Colleague
from nevus.serving.frames import FrameError
from nevus.serving.jobs import Defect, Done, Job, read_answer
from nevus.serving.pool import Pool
from nevus.serving.refusals import RefusedError
from nevus.serving.settings import Settings
from nevus.serving.telemetry import Telemetry

LIAR = str(Path(__file__).with_name("lying_worker.py"))
CANARY = "Erika_Mustermann"
SETTINGS = Settings(workers=1)
INTRODUCTION = {"models": [], "verbs": ["analyze"], "seconds": 0.1}


@pytest.mark.parametrize(
    ("answer", "stem", "blobs"),
    [
        ({"hello": 1}, "", []),
        ({"outcome": "ok"}, "", []),
        ({"outcome": "ok", "files": []}, "", []),
        ({"outcome": "ok", "files": [""]}, "", []),
        ({"outcome": "ok", "files": ["", ""]}, "", [b"", b""]),
        ({"outcome": "ok", "files": {"": 0}}, "", [b""]),
        ({"outcome": "ok", "files": [1]}, "", [b""]),
        ({"outcome": "ok", "files": ["a.json"]}, "", [b""]),
        ({"outcome": "ok", "files": [""]}, "a", [b""]),
        ({"outcome": "ok", "files": ["b.json"]}, "a", [b""]),
        ({"outcome": "ok", "files": ["a/../../x"]}, "a", [b""]),
        ({"outcome": ["ok"], "files": [""]}, "", [b""]),
        ({"outcome": 'x"} 1\nnevus_workers', "files": [""]}, "", [b""]),
        ({"outcome": "a" * 41, "files": [""]}, "", [b""]),
        ({"defect": 5}, "", []),
        ({"defect": "one line\nand a forged one"}, "", []),
        ({"defect": "a" * 201}, "", []),
    ],
)
def test_no_answer_to_this_job(answer: dict[str, Any], stem: str, blobs: list[bytes]) -> None:
    with pytest.raises(FrameError):
        read_answer(answer, blobs, stem)


def test_answers() -> None:
    one = {"outcome": "not_an_image", "files": [""]}
    assert read_answer(one, [b"{}"], "") == Done("not_an_image", {"": b"{}"})
    names = ["é-2.json", "é-2_segmentation.png", "é-2_attribute_pigment_network.png"]
    told = read_answer({"outcome": "ok", "files": names}, [b"1", b"2", b"3"], "é-2")
    assert told == Done("ok", dict(zip(names, (b"1", b"2", b"3"), strict=True)))
    place = "RuntimeError in <frozen importlib._bootstrap>:7"
    assert read_answer({"defect": place}, [], "") == Defect(place)


@pytest.mark.parametrize(
    "change",
    [
        {"models": None}, {"models": [{"name": "x"}]}, {"models": 5}, {"verbs": "analyze"},
        {"verbs": [1]}, {"seconds": "1"}, {"seconds": float("nan")}, {"seconds": float("inf")},
        {"seconds": -1}, {"seconds": None},
    ],
)  # fmt: skip
def test_no_introduction(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    colleague = Colleague(None)  # type: ignore[arg-type]

    async def exchange(*_: object) -> tuple[dict[str, Any], list[bytes]]:
        return {**INTRODUCTION, **change}, []

    monkeypatch.setattr(colleague, "exchange", exchange)
    with pytest.raises(FrameError, match="introduction"):
        asyncio.run(colleague._introduce(Settings()))


def test_a_liar_is_replaced(run_server: Callable[..., Any], draw: Callable[..., bytes]) -> None:
    command = (sys.executable, "-P", LIAR, json.dumps({"hello": 1}))
    server = run_server(workers=1, command=command)
    for _ in range(2):
        server.wait_ready()
        answer = server.post([("a.png", draw())])
        assert (answer.status, answer.code) == (500, "worker_died")
    server.wait_ready()
    assert "a worker died and is replaced: FrameError" in server.log.read_text(encoding="utf-8")


@pytest.fixture
def pool() -> Pool:
    return Pool(SETTINGS, Admission(SETTINGS), Telemetry())


def test_a_desk_that_ends_is_opened_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nevus.serving.pool._SHORTEST_PAUSE", 0)

    async def run() -> None:
        opened: list[int] = []
        enough = asyncio.Event()

        async def run_desk() -> None:
            opened.append(1)
            if len(opened) == 3:
                enough.set()
            raise KeyError(CANARY)

        monkeypatch.setattr(pool, "_run_desk", run_desk)
        pool.open()
        async with asyncio.timeout(60):
            await enough.wait()
        await pool.close()

    asyncio.run(run())
    assert caplog.messages[0].startswith("a defect of nevus: KeyError in test_lies.py:")
    assert CANARY not in caplog.text


def test_a_defect_leaves_nobody_waiting(pool: Pool) -> None:
    class Stumbling:
        async def exchange(self, *_: object) -> None:
            raise KeyError(CANARY)

    async def run() -> None:
        job = Job("analyze", ["a.png"], [b"x"])
        colleague: Any = Stumbling()
        with pytest.raises(KeyError):
            await pool._do(colleague, job)
        with pytest.raises(RefusedError) as caught:
            await job.answer
        assert caught.value.code == "worker_died"

    asyncio.run(run())
