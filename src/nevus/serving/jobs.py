"""What one worker does in one go, and what it says to that."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nevus.serving.frames import FrameError
from nevus.serving.refusals import RefusedError

_OUTCOME: Final = re.compile(r"[a-z_]{1,40}")
_LONGEST_PLACE: Final = 200


@dataclass
class Job:
    """What one worker does in one go.

    Attributes:
        verb: One of `nevus.serving.analyst.VERBS`, or ``report``.
        names: Of the photographs, clean; a ``report`` alone has several.
        photographs: The files.
        stem: Of names in an archive; empty: JSON is wanted.
        answer: Outcome and files, once done; cancelled where nobody waits for it any more.
    """

    verb: str
    names: Sequence[str]
    photographs: Sequence[bytes]
    stem: str = ""
    answer: "asyncio.Future[Done]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def succeed(self, done: "Done") -> None:
        """Give the answer to whoever waits."""
        if not self.answer.done():
            self.answer.set_result(done)

    def fail(self, refusal: RefusedError) -> None:
        """Let whoever waits know."""
        if not self.answer.done():
            self.answer.set_exception(refusal)


@dataclass(frozen=True)
class Done:
    """A worker's answer: `nevus.serving.analyst.Reply` after its journey."""

    outcome: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Defect:
    """Where in nevus a worker stumbled."""

    place: str


def read_answer(answer: Mapping[str, Any], blobs: Sequence[bytes], stem: str) -> Done | Defect:
    """Return what a worker said: it may have been taken over, so all of it is looked at.

    Args:
        answer: The head of its message.
        blobs: The files.
        stem: Of the job.

    Raises:
        FrameError: It is no answer to this job.
    """
    if "defect" in answer:
        return Defect(_read_place(answer["defect"]))
    outcome, names = answer.get("outcome"), answer.get("files")
    # It becomes a label of a metric.
    if not isinstance(outcome, str) or not _OUTCOME.fullmatch(outcome):
        raise FrameError("an answer without an outcome")
    if not isinstance(names, list) or not all(_is_named_after(one, stem) for one in names):
        raise FrameError("an answer whose files have other names")
    if not names or len(names) != len(blobs) or len(set(names)) != len(names):
        raise FrameError("an answer whose files do not match their names")
    return Done(outcome, dict(zip(names, blobs, strict=True)))


def _read_place(place: object) -> str:
    # It becomes a line of the log.
    if not isinstance(place, str) or len(place) > _LONGEST_PLACE or not place.isprintable():
        raise FrameError("a defect without a place")
    return place


def _is_named_after(name: object, stem: str) -> bool:
    """Return whether a file is one of this photograph's, and not one elsewhere on a disk."""
    if not isinstance(name, str):
        return False
    if not stem:
        return name == ""
    return name.startswith(stem) and re.fullmatch(r"[a-z_.]+", name.removeprefix(stem)) is not None
