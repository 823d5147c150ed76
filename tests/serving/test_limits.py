"""What is refused, how, and that whoever is refused gets to know it."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BOUNDARY = "nevus-test-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
LIMIT = 2**18
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n'.encode()


def talk(server: Any, data: bytes) -> bytes:
    """Send bytes and return all that comes until the server closes."""
    with socket.create_connection(server.place, timeout=60) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def make_head(**headers: str) -> bytes:
    lines = ["POST /v1/analyze HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_too_large_by_its_head(server: Any) -> None:
    # Not a byte of the body is sent: the answer does not wait for one.
    with socket.create_connection(server.place, timeout=60) as connection:
        connection.sendall(make_head(Content_Type=FORM, Content_Length=str(LIMIT + 1)))
        assert b" 413 " in connection.recv(4096)


def test_too_large_with_all_of_its_body(server: Any, draw: Callable[..., bytes]) -> None:
    # The client reads only after it has sent everything, which is four times too much.
    answer = server.post([("a.png", bytes(4 * LIMIT))])
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert server.post([("a.png", draw())]).status == 200


def test_too_large_in_chunks(server: Any) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(8):
            yield bytes(LIMIT // 4)

    answer = server.ask("POST", "/v1/analyze", chunks(), {"Content-Type": FORM})
    assert answer.status in {400, 413}
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photographs"\r\n\r\n'.encode()

    def long_file() -> Iterator[bytes]:
        yield head
        yield from chunks()

    answer = server.ask("POST", "/v1/analyze", long_file(), {"Content-Type": FORM})
    assert (answer.status, answer.code) == (413, "body_too_large")


def test_too_large_in_chunks_before_the_end(server: Any) -> None:
    head = make_head(Content_Type=FORM, Transfer_Encoding="chunked")
    part = PART.replace(b'"x"', b'"photographs"') + bytes(LIMIT)
    with socket.create_connection(server.place, timeout=60) as connection:
        # Neither this chunk nor the body ends.
        connection.sendall(head + b"%x\r\n" % (2 * LIMIT) + part)
        assert b" 413 " in connection.recv(4096)


def test_expecting_clients_need_not_send(server: Any) -> None:
    head = make_head(Content_Type=FORM, Content_Length=str(LIMIT + 1), Expect="100-continue")
    answer = talk(server, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": FORM, "Content-Encoding": "gzip"}, 415, "compressed"),
        ({"Content-Type": "application/json"}, 415, "not_a_form"),
        ({"Content-Type": "multipart/form-data"}, 400, "no_boundary"),
        ({"Content-Type": FORM, "Host": "evil.example"}, 421, "wrong_host"),
        ({"Content-Type": FORM, "Sec-Fetch-Site": "cross-site"}, 403, "other_site"),
        ({"Content-Type": FORM, "Origin": "https://evil.example"}, 403, "other_site"),
    ],
)
def test_refused_by_its_head(server: Any, headers: dict[str, str], status: int, code: str) -> None:
    answer = server.ask("POST", "/v1/analyze", b"x" * 1000, headers)
    assert (answer.status, answer.code) == (status, code)


def test_options_in_the_address_are_refused(server: Any) -> None:
    answer = server.ask("POST", "/v1/analyze?coverage=0.5", b"x", {"Content-Type": FORM})
    assert (answer.status, answer.code) == (400, "unknown_option")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "damaged_form"),
        (b"no form", 400, "damaged_form"),
        (f"--{BOUNDARY}--\r\n".encode(), 400, "no_photographs"),
        (
            PART.replace(b"x", b"photographs") + b"ab",
            400,
            "damaged_form",
        ),
        (
            PART + f"ab\r\n--{BOUNDARY}--\r\n".encode(),
            400,
            "unknown_field",
        ),
    ],
)
def test_refused_forms(server: Any, body: bytes, status: int, code: str) -> None:
    answer = server.ask("POST", "/v1/analyze", body, {"Content-Type": FORM})
    assert (answer.status, answer.code) == (status, code)


def test_too_many_photographs(server: Any, draw: Callable[..., bytes]) -> None:
    assert server.post([("a.png", draw())] * 4).status == 200
    answer = server.post([("a.png", draw())] * 5)
    assert (answer.status, answer.code) == (413, "too_many_photographs")


def test_no_http_at_all(server: Any) -> None:
    answer = talk(server, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"bad_request"' in answer


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nHost: localh"])
def test_heads_that_never_end_are_given_up(server: Any, sent: bytes) -> None:
    assert talk(server, sent) == b""


def test_bodies_that_stop_are_given_up(server: Any, draw: Callable[..., bytes]) -> None:
    answer = talk(server, make_head(Content_Type=FORM, Content_Length="5000") + b"--")
    assert answer.startswith(b"HTTP/1.1 408 ")
    server.wait_until(lambda: server.count("nevus_held_bytes") == 0)
    assert server.post([("a.png", draw())]).status == 200


def test_wrong_ways(server: Any) -> None:
    assert server.get("/nothing").code == "not_found"
    answer = server.get("/v1/analyze")
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "wrong_method", "POST")


def test_clients_that_go_leave_nothing(server: Any) -> None:
    def count_gone() -> int:
        return int(server.log.read_text(encoding="utf-8").count("POST /v1/analyze 499 "))

    before = count_gone()
    with socket.create_connection(server.place, timeout=60) as connection:
        begun = PART.replace(b'"x"', b'"photographs"') + b"a photograph"
        connection.sendall(make_head(Content_Type=FORM, Content_Length="5000") + begun)
    server.wait_until(lambda: count_gone() > before)
    assert server.count("nevus_held_bytes") == 0
    assert list(Path(server.scratch).iterdir()) == []
