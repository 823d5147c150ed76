"""Every way in which the death of a loader process shows is one and the same clear error."""

import os
import signal
import threading
from types import FrameType

import pytest

from nevus.errors import TrainingError
from nevus.training import loader_deaths
from nevus.training.loader_deaths import tell_loader_deaths

NOTICE = "DataLoader worker (pid 7) is killed by signal: Killed. \nMore of it."
DIED = r"died: DataLoader worker \(pid 7\) is killed by signal: Killed"


def test_notice_of_torch() -> None:
    with pytest.raises(TrainingError, match=DIED) as caught, tell_loader_deaths():
        raise RuntimeError(NOTICE)
    assert "More of it" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="signals to children are posix")
def test_broken_pipe_waits_for_the_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notice comes by a signal, a little later: it must not break into the caller."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise RuntimeError(NOTICE)

    monkeypatch.setattr(loader_deaths, "NOTICE_SECONDS", 60.0)
    before = signal.signal(signal.SIGUSR1, handler)
    late = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    late.start()
    try:
        with pytest.raises(TrainingError, match=DIED), tell_loader_deaths():
            raise ConnectionResetError
    finally:
        late.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("broken", [ConnectionRefusedError("gone"), EOFError("end")])
def test_broken_pipe_without_a_notice(broken: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader_deaths, "NOTICE_SECONDS", 0.0)
    said = f"died: {type(broken).__name__}: {broken}"
    with pytest.raises(TrainingError, match=said), tell_loader_deaths():
        raise broken


@pytest.mark.parametrize("other", [RuntimeError("size mismatch"), OSError("disk"), KeyError("a")])
def test_other_errors_pass(other: Exception) -> None:
    with pytest.raises(type(other)) as caught, tell_loader_deaths():
        raise other
    assert caught.value is other
