"""Messages between the service and its workers, and names in archives."""

import asyncio
import io
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.serving.frames import FrameError, pack_frame, read_frame, receive_frame
from nevus.serving.packing import name_stems


def receive(data: bytes) -> object:
    async def run() -> object:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        return await receive_frame(stream)

    return asyncio.run(run())


# No deadline: on a busy machine an event loop may take long to open.
@settings(deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    st.lists(st.binary(), max_size=4),
)
def test_there_and_back(head: dict[str, int], blobs: list[bytes]) -> None:
    head.pop("sizes", None)
    data = b"".join(pack_frame(head, blobs))
    assert read_frame(io.BytesIO(data)) == (head, blobs)
    assert receive(data) == (head, blobs)


def test_the_end_is_no_error() -> None:
    assert read_frame(io.BytesIO()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0",
        struct.pack(">I", 2**31) + b"{}",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 2) + b"{}",
        struct.pack(">I", 5) + b"x" * 5,
        struct.pack(">I", 13) + b'{"sizes":[5]}',
        struct.pack(">I", 14) + b'{"sizes":[-1]}',
        struct.pack(">I", 2**19) + b"[" * 2**19,
        struct.pack(">I", 18) + b'{"sizes":[9999999999]}'[:18],
    ],
)
def test_damaged_messages(data: bytes) -> None:
    with pytest.raises(FrameError):
        read_frame(io.BytesIO(data))


def test_too_much_is_not_waited_for() -> None:
    head = json.dumps({"sizes": [2**31]}).encode()
    with pytest.raises(FrameError, match="at most"):
        receive(struct.pack(">I", len(head)) + head)


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=120), max_size=8))
def test_names_in_archives_are_plain_and_differ(names: list[str]) -> None:
    stems = name_stems(names)
    assert len(stems) == len(names)
    assert len({stem.lower() for stem in stems}) == len(stems)
    for stem in stems:
        assert stem
        assert all(sign.isalnum() or sign in "_.-" for sign in stem)
        assert len(stem.encode()) <= 110
        assert stem[0] not in ".-"
        assert not set(stem) & set("/\\:=\"' \n")


def test_names_in_archives() -> None:
    names = ["a.jpg", "A.PNG", "a b.jpeg", "..", "=1+1.png"]
    assert name_stems(names) == ["a", "A-2", "a_b", "photograph", "_1_1"]
    assert name_stems(["é 漢.jpg"]) == ["é_漢"]
    # "b" could be unreadable: both would have a b_error.json.
    assert name_stems(["b.jpg", "b_error.jpg"]) == ["b", "b_error-2"]
    assert name_stems(["c_segmentation.png", "c.png"]) == ["c_segmentation", "c"]
