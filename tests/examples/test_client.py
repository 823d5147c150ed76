"""The plain client while no server is there; `tests/serving/test_real.py` runs it against one."""

import io
import json
import runpy
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "client.py"


@pytest.fixture
def analyze(tmp_path: Path) -> Callable[..., Any]:
    photograph = tmp_path / "a.jpg"
    photograph.write_bytes(b"a photograph")
    function = runpy.run_path(str(SCRIPT), run_name="client")["analyze"]
    return lambda address, patience: function(address, [photograph], patience=patience)


def test_a_server_that_is_not_started_is_one_line(analyze: Callable[..., Any]) -> None:
    with socket.socket() as silent:
        # Bound, so that nobody else is there, and not listening.
        silent.bind(("127.0.0.1", 0))
        address = "http://{}:{}".format(*silent.getsockname())
        with pytest.raises(SystemExit) as caught:
            analyze(address, patience=0)
    assert caught.value.code == (
        f"nothing answers at {address}: start nevus serve, or name another --address"
    )


def test_a_server_that_starts_is_waited_for(
    analyze: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes: list[Any] = [
        urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")),
        urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")),
        io.BytesIO(json.dumps({"results": ["one"]}).encode()),
    ]

    def open_url(*_: object, **__: object) -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(urllib.request, "urlopen", open_url)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert analyze("http://127.0.0.1:8000", patience=1e9) == ["one"]


def test_an_address_that_is_none_is_one_line(
    analyze: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_url(*_: object, **__: object) -> Any:
        raise urllib.error.URLError(OSError("no such name"))

    monkeypatch.setattr(urllib.request, "urlopen", open_url)
    with pytest.raises(SystemExit, match="nowhere cannot be reached: no such name"):
        analyze("http://nowhere", patience=1e9)
