"""Messages between the service and its workers: a JSON head and some blobs, over pipes.

Four bytes tell the head's length, big-endian; the head's ``sizes`` tell the blobs'. Nothing is
unpickled: a worker that a hostile photograph took over can lie, but not run code in the service.
"""

import asyncio
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final

from nevus.errors import NevusError

_LENGTH: Final = struct.Struct(">I")
LARGEST_HEAD: Final = 2**20
LARGEST_BLOBS: Final = 2**30

Head = dict[str, Any]


class FrameError(NevusError):
    """What came over a pipe is no message."""


def pack_frame(head: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> list[bytes]:
    """Return the pieces of a message, in order."""
    text = json.dumps({**head, "sizes": [len(blob) for blob in blobs]}).encode()
    if len(text) > LARGEST_HEAD:
        raise FrameError(f"a head of {len(text)} bytes, at most {LARGEST_HEAD}")
    return [_LENGTH.pack(len(text)), text, *blobs]


def write_frame(stream: BinaryIO, head: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Write a message and wait until it is out."""
    for piece in pack_frame(head, blobs):
        stream.write(piece)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[Head, list[bytes]] | None:
    """Return the next message, None where the other side has closed the pipe.

    Raises:
        FrameError: It is cut off or none.
    """
    start = stream.read(_LENGTH.size)
    if not start:
        return None
    head = _parse_head(_read_exactly(stream, _read_length(start)))
    return head, [_read_exactly(stream, size) for size in head.pop("sizes")]


async def receive_frame(stream: asyncio.StreamReader) -> tuple[Head, list[bytes]]:
    """Return the next message.

    Raises:
        FrameError: It is none.
        asyncio.IncompleteReadError: The other side ended.
    """
    start = await stream.readexactly(_LENGTH.size)
    head = _parse_head(await stream.readexactly(_read_length(start)))
    return head, [await stream.readexactly(size) for size in head.pop("sizes")]


def _read_length(start: bytes) -> int:
    if len(start) != _LENGTH.size:
        raise FrameError("a message was cut off")
    length: int = _LENGTH.unpack(start)[0]
    if length > LARGEST_HEAD:
        raise FrameError(f"a head of {length} bytes, at most {LARGEST_HEAD}")
    return length


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise FrameError("a message was cut off")
    return data


def _parse_head(text: bytes) -> Head:
    try:
        head: Head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError("a head is no JSON") from error
    sizes = head.get("sizes") if isinstance(head, dict) else None
    if not isinstance(sizes, list) or not all(isinstance(one, int) and one >= 0 for one in sizes):
        raise FrameError("a head without sizes")
    if sum(sizes) > LARGEST_BLOBS:
        raise FrameError(f"{sum(sizes)} bytes in one message, at most {LARGEST_BLOBS}")
    return head
