"""A live server on loopback whose workers are fakes, and a plain client for it."""

import http.client
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
BOUNDARY = "nevus-test-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} in JSON")

        return json.loads(self.body, parse_constant=refuse)

    @property
    def code(self) -> str:
        return str(self.json()["error"]["code"])


def encode_form(
    files: Sequence[tuple[str, bytes]], field_name: str = "photographs", end: str = "--"
) -> bytes:
    """Return a multipart body."""
    pieces = []
    for name, data in files:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field_name}"'
        head += f'; filename="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'
        pieces.append(head.encode() + data + b"\r\n")
    return b"".join(pieces) + f"--{BOUNDARY}{end}\r\n".encode()


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    address: str
    log: Path
    scratch: Path
    lines: list[str] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.address)
        return str(parts.hostname), int(parts.port or 0)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(*self.place, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            data = answer.read()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, data)
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(
        self,
        files: Sequence[tuple[str, bytes]],
        path: str = "/v1/analyze",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return self.ask("POST", path, encode_form(files), {"Content-Type": FORM, **(headers or {})})

    def order(self, *words: str) -> Answer:
        """Send a photograph that tells the fake worker what to do."""
        return self.post([("a.jpg", " ".join(("order", *words)).encode())])

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what the server does after a client has its answer."""
        for _ in range(1200):
            if is_so():
                return
            time.sleep(0.05)
        raise AssertionError(f"never so: {self.log.read_text(encoding='utf-8')}")

    def wait_ready(self, status: int = 200) -> None:
        self.wait_until(lambda: self.get("/readyz").status == status)

    def wait_logged(self, *answers: Answer) -> str:
        """Return the log once the lines about some answers stand in it."""
        wanted = [f"id={one.headers['x-request-id']}" for one in answers]
        self.wait_until(lambda: all(one in self.log.read_text(encoding="utf-8") for one in wanted))
        return self.log.read_text(encoding="utf-8")

    def count(self, name: str) -> float:
        """Return a metric's value, 0 where it does not stand."""
        lines = self.get("/metrics").body.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(one) for one in children.read_text(encoding="utf-8").split()]


def start_server(folder: Path, command: Sequence[str]) -> Server:
    """Start a process that prints its address."""
    log, scratch = folder / "log.txt", folder / "scratch"
    scratch.mkdir(exist_ok=True)
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True,
            env={**os.environ, "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    assert process.stdout is not None
    return Server(process, process.stdout.readline().split()[-1], log, scratch)


def stop_server(server: Server) -> int:
    server.process.terminate()
    assert server.process.stdout is not None
    try:
        return server.process.wait(60)
    finally:
        server.process.stdout.close()
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def run_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def run(**settings: Any) -> Server:
        command = [sys.executable, str(HERE / "fake_server.py"), json.dumps(settings)]
        server = start_server(tmp_path_factory.mktemp("server"), command)
        running.append(server)
        return server

    yield run
    for server in running:
        if server.process.poll() is None:
            stop_server(server)
        elif server.process.stdout is not None:
            server.process.stdout.close()


@pytest.fixture(scope="session")
def server(run_server: Callable[..., Server]) -> Server:
    """One server for most tests, with short times and small limits."""
    live = run_server(
        workers=2, queue=4, deadline=4, patience=2, recycle=30, max_body=2**18,
        max_photographs=4,
    )  # fmt: skip
    live.wait_ready()
    return live


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Post files to an address and return the JSON that comes back."""

    def post(address: str, path: str, files: Sequence[tuple[str, bytes]]) -> Any:
        connection = http.client.HTTPConnection(str(urlsplit(address).netloc), timeout=60)
        try:
            for _ in range(1200):
                connection.request("POST", path, encode_form(files), {"Content-Type": FORM})
                answer = connection.getresponse()
                body = json.loads(answer.read())
                if answer.status != 503:
                    return body
                time.sleep(0.1)
        finally:
            connection.close()
        raise AssertionError("never ready")

    return post


def draw_photograph(seed: int = 0, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 50, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture(scope="session")
def draw() -> Callable[..., bytes]:
    return draw_photograph


@pytest.fixture
def together() -> Callable[[Sequence[Callable[[], Any]]], list[Any]]:
    """Run functions at the same time, each in a thread, and return what they return."""

    def run(functions: Sequence[Callable[[], Any]]) -> list[Any]:
        found: list[Any] = [None] * len(functions)

        def call(place: int) -> None:
            try:
                found[place] = functions[place]()
            except Exception as error:  # what a client saw is looked at by the test
                found[place] = error

        threads = [threading.Thread(target=call, args=(one,)) for one in range(len(functions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    return run
