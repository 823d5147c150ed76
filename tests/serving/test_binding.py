"""Addresses that can and cannot be bound."""

import socket

import pytest

from nevus.errors import UsageError
from nevus.serving.server import bind
from nevus.serving.settings import Settings

TOKEN = "a-token-of-enough-signs"


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "a\0b"])
def test_what_is_no_address_ends_in_one_line(host: str) -> None:
    with pytest.raises(UsageError, match="is no address") as caught:
        bind(Settings(host=host, port=0, token=TOKEN))
    assert "127.0.0.1" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="choose another --port"):
            bind(Settings(port=port))


def test_a_free_port() -> None:
    with bind(Settings(port=0)) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"
