"""What the service answers when it does not do what was asked: one shape of JSON."""

import json
from collections.abc import Mapping
from typing import Any

from nevus.errors import NevusError


class RefusedError(NevusError):
    """A request is answered with an error.

    Args:
        status: Of HTTP.
        code: A short stable word.
        message: One sentence; never holds a file's name.
        hint: The way out.
        headers: Besides those every answer has.
        linger: Whether the rest of the request is still read, so that the sender sees the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
        linger: bool = True,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.linger = linger

    def to_json(self) -> bytes:
        """Return the answer's body."""
        return encode_error(self.code, self.message, self.hint)


class ClientGoneError(NevusError):
    """The client closed the connection before it had its answer."""


def describe_error(code: str, text: str, hint: str | None = None) -> dict[str, Any]:
    """Return what stands under ``error``, in an answer and in a photograph's result."""
    return {"code": code, "text": text, "hint": hint}


def encode_error(code: str, text: str, hint: str | None = None) -> bytes:
    """Return the body of an error answer."""
    return json.dumps({"error": describe_error(code, text, hint)}).encode()


def name_error(stem: str) -> str:
    """Return the name of the file that says why a photograph could not be analysed."""
    return f"{stem}_error.json"


def full(seconds: int) -> RefusedError:
    """Return the refusal while the queue is full."""
    return RefusedError(
        429, "queue_full", "all workers are busy and the queue is full",
        hint=f"try again in {seconds} s", headers={"Retry-After": str(seconds)},
    )  # fmt: skip


def hopeless(seconds: int, deadline: float) -> RefusedError:
    """Return the refusal of what would have its answer after the deadline."""
    return RefusedError(
        429, "queue_full", f"at this pace the answer would not be there within {deadline:g} s",
        hint=f"try again in {seconds} s, with fewer photographs",
        headers={"Retry-After": str(seconds)},
    )  # fmt: skip


def closing() -> RefusedError:
    """Return the refusal while the service stops."""
    return RefusedError(
        503, "shutting_down", "the service is stopping",
        hint="try again in some seconds", headers={"Retry-After": "5", "Connection": "close"},
    )  # fmt: skip


def late(seconds: float) -> RefusedError:
    """Return the refusal of a request that took too long."""
    return RefusedError(
        504, "deadline", f"the answer was not there within {seconds:g} s",
        hint="send fewer or smaller photographs at a time",
    )  # fmt: skip


def died() -> RefusedError:
    """Return the refusal of a request whose worker ended."""
    return RefusedError(
        500, "worker_died", "the process that worked on this request ended unexpectedly",
        hint="try again; if one photograph does it every time, it is at fault",
    )  # fmt: skip


def too_large(limit: int) -> RefusedError:
    """Return the refusal of a body above the limit."""
    return RefusedError(
        413, "body_too_large", f"the request is larger than {limit / 2**20:g} MiB",
        hint="send fewer or smaller photographs at a time",
    )  # fmt: skip


def too_slow() -> RefusedError:
    """Return the refusal of a sender that keeps the service waiting."""
    # Reading on would give it the time it was refused.
    return RefusedError(
        408, "too_slow", "the request did not arrive in time",
        headers={"Connection": "close"}, linger=False,
    )  # fmt: skip


def defect(text: str) -> RefusedError:
    """Return the refusal where nevus itself is at fault."""
    return RefusedError(500, "defect", text, hint="its place stands in the service's log")
