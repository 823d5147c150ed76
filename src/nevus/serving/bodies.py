"""Requests as they arrive: counted, timed, and never on a disk."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive

from nevus.imaging.cells import clean_name
from nevus.serving.admission import Admission
from nevus.serving.refusals import ClientGoneError, RefusedError, too_large, too_slow
from nevus.serving.settings import Settings

FIELD: Final = "photographs"
"""Of the form; it may come several times."""

# It says on which sign of a form it stumbled; nothing of a request belongs in a log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
_LONGEST_BOUNDARY: Final = 200
_PLAIN: Final = (b"binary", b"8bit", b"7bit")
_HINT: Final = f"send multipart/form-data with 1 to 16 files in the field {FIELD}"


@dataclass(frozen=True)
class Upload:
    """A photograph as it came.

    Attributes:
        name: Clean base name.
        data: The file.
    """

    name: str
    data: bytes


@dataclass
class Form:
    """A form being read; python-multipart's callbacks fill it."""

    most: int
    uploads: list[Upload] = field(default_factory=list)
    ended: bool = False
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _data: bytearray = field(default_factory=bytearray)
    _called: str = ""

    def callbacks(self) -> Any:
        """Return what `MultipartParser` calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
            "on_part_end": self._close,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.uploads) >= self.most:
            raise RefusedError(
                413, "too_many_photographs", f"more than {self.most} photographs in one request",
                hint="send them in several requests",
            )  # fmt: skip
        self._headers = {}
        self._data = bytearray()

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if options.get(b"name") != FIELD.encode():
            raise RefusedError(400, "unknown_field", "the form has an unknown field", hint=_HINT)
        coding = self._headers.get(b"content-transfer-encoding", b"binary").lower()
        if coding not in _PLAIN:
            raise RefusedError(415, "encoded", "a photograph is encoded as text", hint=_HINT)
        self._called = clean_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _close(self) -> None:
        self.uploads.append(Upload(self._called, bytes(self._data)))
        self._data = bytearray()

    def _end(self) -> None:
        self.ended = True


def check_head(headers: Mapping[str, str], settings: Settings) -> bytes:
    """Refuse by its head what need not be read, and return the form's boundary.

    Raises:
        RefusedError: 413 where too large, 415 where compressed or no form.
    """
    length = headers.get("content-length")
    if length is not None and int(length) > settings.max_body:
        raise too_large(settings.max_body)
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise RefusedError(415, "compressed", "the request is compressed", hint="send it as it is")
    kind, options = parse_options_header(headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise RefusedError(415, "not_a_form", "the request is not multipart/form-data", hint=_HINT)
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise RefusedError(400, "no_boundary", "the form has no usable boundary", hint=_HINT)
    return boundary


async def read_uploads(
    receive: Receive, headers: Mapping[str, str], settings: Settings, admission: Admission
) -> list[Upload]:
    """Return the photographs of a request; the caller has `Admission.held` bytes to release.

    Raises:
        RefusedError: It is too large, too slow, damaged or empty; nothing is held then.
        ClientGoneError: The sender went; nothing is held.
    """
    boundary = check_head(headers, settings)
    form = Form(settings.max_photographs)
    parser = MultipartParser(boundary, form.callbacks())
    received = 0
    try:
        async with aclosing(stream_body(receive, settings)) as chunks:
            async for chunk in chunks:
                admission.hold(len(chunk))
                received += len(chunk)
                parser.write(chunk)
        parser.finalize()
        if not form.ended:
            raise RefusedError(400, "damaged_form", "the form is cut off", hint=_HINT)
        if not form.uploads:
            raise RefusedError(400, "no_photographs", "the form holds no photograph", hint=_HINT)
    except FormParserError as error:
        admission.release(received)
        raise RefusedError(400, "damaged_form", "the form is damaged", hint=_HINT) from error
    except BaseException:
        admission.release(received)
        raise
    admission.release(received - sum(len(one.data) for one in form.uploads))
    return form.uploads


async def stream_body(receive: Receive, settings: Settings) -> AsyncGenerator[bytes, None]:
    """Yield a body's chunks.

    Raises:
        RefusedError: 413 where it grows too large, 408 where it comes too slowly.
        ClientGoneError: The sender went.
    """
    start, received, more = monotonic(), 0, True
    while more:
        # Bytes buy time, so that slow lines pass and those who only seem slow do not.
        left = start + settings.patience + received / settings.rate - monotonic()
        try:
            async with asyncio.timeout(max(0.0, min(settings.patience, left))):
                message = await receive()
        except TimeoutError:
            raise too_slow() from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError("the client went while it sent")
        chunk = message.get("body", b"")
        received += len(chunk)
        if received > settings.max_body:
            raise too_large(settings.max_body)
        more = message.get("more_body", False)
        if chunk:
            yield chunk
