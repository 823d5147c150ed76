"""Who may come in, counted without a server."""

from contextlib import ExitStack

import pytest

from nevus.serving.admission import Admission
from nevus.serving.refusals import RefusedError
from nevus.serving.settings import Settings

SETTINGS = Settings(workers=2, queue=3, max_body=1024, deadline=10)


def test_two_at_work_and_three_wait() -> None:
    admission = Admission(SETTINGS)
    with ExitStack() as stack:
        for _ in range(5):
            admission.check("segment")
            stack.enter_context(admission.admit("segment", 1))
        with pytest.raises(RefusedError, match="queue is full") as caught:
            admission.check("segment")
        assert caught.value.status == 429
        # Five photographs of a second each, two at a time: half of them take 1.25 s.
        assert caught.value.headers == {"Retry-After": "2"}
    assert (admission.admitted, admission.photographs.total()) == (0, 0)


def test_nobody_waits_for_a_deadline_that_will_pass() -> None:
    admission = Admission(SETTINGS)
    for _ in range(200):
        admission.note("analyze", 4.0)
    refused = pytest.raises(RefusedError, match="would not be there within 10 s")
    # (5 + 1) photographs of 4 s by two workers take 12 s.
    with admission.admit("analyze", 4), admission.admit("analyze", 1), refused:
        admission.check("analyze")
    # A free worker takes whatever comes, since a guess is not a reason to refuse.
    with admission.admit("analyze", 1), admission.admit("analyze", 16):
        pass


def test_each_verb_has_its_own_pace() -> None:
    admission = Admission(SETTINGS)
    admission.note("analyze", 8.0)
    for _ in range(50):
        admission.note("segment", 0.1)
    with admission.admit("segment", 4), admission.admit("segment", 1):
        admission.check("segment")
        with admission.admit("analyze", 2), pytest.raises(RefusedError, match="within 10 s"):
            admission.check("analyze")


def test_slower_photographs_are_believed_sooner() -> None:
    admission = Admission(SETTINGS)
    admission.note("analyze", 0.1)
    admission.note("analyze", 8.1)
    refused = pytest.raises(RefusedError, match="within 10 s")
    with admission.admit("analyze", 4), admission.admit("analyze", 1), refused:
        admission.check("analyze")


def test_bytes_in_memory() -> None:
    admission = Admission(SETTINGS)
    admission.hold(SETTINGS.held)
    with pytest.raises(RefusedError) as caught:
        admission.hold(1)
    assert caught.value.status == 429
    admission.release(SETTINGS.held)
    admission.hold(1)
    assert admission.held == 1


def test_a_service_that_stops_does_what_had_begun() -> None:
    admission = Admission(SETTINGS)
    admission.closed = True
    with pytest.raises(RefusedError) as caught:
        admission.check("analyze")
    assert caught.value.status == 503
    with admission.admit("analyze", 1):
        assert admission.admitted == 1
