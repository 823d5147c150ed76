"""What `nevus serve` bears: a full queue, slow senders, deaths, stops, thousands of requests.

    python benchmarks/serve_load.py --models FOLDER --photographs FOLDER --out serve_load.json

Every part starts a server of its own on loopback and prints its rows; `--parts` chooses among
queue, throughput, equal, memory, slow, stop, kill, disk. Linux: workers and memory are found in /proc.
Exit code 1: a row missed its target.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import signal
import socket
import stat
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

BOUNDARY = "nevus-load"
CANARY = b"nevus-canary-5c1f"
Row = tuple[str, str, str, bool | None]


@dataclass
class Server:
    """A running `nevus serve`."""

    process: subprocess.Popen[str]
    place: tuple[str, int]
    folder: Path

    @classmethod
    @contextlib.contextmanager
    def run(cls, given: argparse.Namespace, *options: str) -> Iterator["Server"]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "tmp").mkdir()
            command = [sys.executable, "-P", "-m", "nevus", "serve", "--port", "0", *options]
            if given.models:
                command += ["--models", str(given.models.resolve())]
            log = (folder / "log.txt").open("w", encoding="utf-8")
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder,
                env={**os.environ, "TMPDIR": str(folder / "tmp")},
            )  # fmt: skip
            assert process.stdout is not None
            address = process.stdout.readline().split()
            if not address:
                raise SystemExit((folder / "log.txt").read_text(encoding="utf-8"))
            parts = urlsplit(address[-1])
            server = cls(process, (str(parts.hostname), int(parts.port or 0)), folder)
            try:
                server.wait_ready()
                yield server
            finally:
                process.terminate()
                process.wait()
                process.stdout.close()
                log.close()

    def wait_ready(self) -> None:
        while self.get("/readyz")[0] != 200:
            time.sleep(0.1)

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*self.place, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(
        self, data: bytes, name: str = "a.jpg", path: str = "/v1/analyze"
    ) -> tuple[int, bytes]:
        head = f'Content-Disposition: form-data; name="photographs"; filename="{name}"'
        body = (
            f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection = http.client.HTTPConnection(*self.place, timeout=120)
        try:
            connection.request("POST", path, body, kind)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def persist(self, data: bytes, name: str = "a.jpg") -> bytes:
        while True:
            status, body = self.post(data, name)
            if status == 200:
                return body
            if status != 429:
                raise RuntimeError(f"{status}: {body[:200]!r}")
            time.sleep(0.05)

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(one) for one in path.read_text(encoding="utf-8").split()]

    def memory(self) -> float:
        """MiB of the service and its workers together, once no worker has a successor.

        Workers are replaced after some hundred photographs; old and new ones live side by side then.
        """
        whole = len(os.sched_getaffinity(0))
        for _ in range(600):
            if len(self.workers()) <= whole:
                break
            time.sleep(0.1)
        total = 0
        for process in (self.process.pid, *self.workers()):
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
                line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
                total += int(line.split()[1])
        return total / 1024


PROBE = """
import http.client, sys, threading, time
place, end = (sys.argv[1], int(sys.argv[2])), threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), end.set()), daemon=True).start()
while not end.is_set():
    for path in ("/livez", "/readyz", "/metrics"):
        start = time.perf_counter()
        connection = http.client.HTTPConnection(*place, timeout=60)
        connection.request("GET", path)
        connection.getresponse().read()
        connection.close()
        print(time.perf_counter() - start, flush=True)
    time.sleep(0.02)
"""


@contextlib.contextmanager
def probe(server: Server) -> Iterator[list[float]]:
    """Ask for health all the time, from a process of its own; the seconds are there afterwards."""
    seconds: list[float] = []
    command = [sys.executable, "-c", PROBE, *map(str, server.place)]
    with (
        tempfile.TemporaryFile("w+") as out,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out) as process,
    ):
        yield seconds
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        out.seek(0)
        seconds += [float(line) for line in out]


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    found: list[Any] = [None] * count

    def call(place: int) -> None:
        try:
            found[place] = work(place)
        except Exception as error:
            found[place] = error

    threads = [threading.Thread(target=call, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def draw_photographs(count: int) -> list[bytes]:
    rows, columns = np.mgrid[:450, :600]
    found = []
    for seed in range(count):
        generator = np.random.default_rng(seed)
        down, across = generator.uniform(150, 300), generator.uniform(200, 400)
        inside = ((rows - down) / 90) ** 2 + ((columns - across) / 120) ** 2 < 1
        pixels = np.where(inside[..., None], (120, 80, 70), (220, 180, 160))
        pixels = np.clip(pixels + generator.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=92)
        found.append(stream.getvalue())
    return found


def load_photographs(given: argparse.Namespace) -> list[bytes]:
    if given.photographs is None:
        return draw_photographs(32)
    paths = sorted(one for one in given.photographs.iterdir() if one.suffix == ".jpg")
    return [path.read_bytes() for path in paths[:64]]


def measure_queue(given: argparse.Namespace, photographs: list[bytes]) -> Iterator[Row]:
    with Server.run(given, "--queue", "16") as server:

        def client(place: int) -> list[int]:
            return [
                server.post(photographs[place % len(photographs)])[0] for _ in range(given.rounds)
            ]

        with probe(server) as seconds:
            answers = together(64, client)
    lost = [one for one in answers if isinstance(one, Exception)]
    counts = Counter(status for one in answers if isinstance(one, list) for status in one)
    yield (
        "64 clients, queue 16",
        "statuses",
        str(dict(sorted(counts.items()))),
        set(counts) <= {200, 429},
    )
    yield "64 clients, queue 16", "resets", str(len(lost)), not lost
    worst = 1000 * max(seconds)
    p99 = 1000 * sorted(seconds)[int(0.99 * (len(seconds) - 1))]
    told = f"p99 {p99:.0f} ms, worst {worst:.0f} ms of {len(seconds)}"
    yield "64 clients, queue 16", "health", told, p99 <= 100


def measure_throughput(given: argparse.Namespace, photographs: list[bytes]) -> Iterator[Row]:
    count = given.photographs_timed
    files = [photographs[place % len(photographs)] for place in range(count)]
    workers = len(os.sched_getaffinity(0))
    with Server.run(given, "--workers", str(workers)) as server:
        for data in files[: 2 * workers]:
            server.persist(data)
        start = time.perf_counter()
        clients = 2 * workers
        together(clients, lambda who: [server.persist(one) for one in files[who::clients]])
        ours = count / (time.perf_counter() - start)

    def analyze(some: list[bytes]) -> float:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "in"
            folder.mkdir()
            for place, data in enumerate(some):
                (folder / f"{place:05d}.jpg").write_bytes(data)
            command = [
                sys.executable,
                "-m",
                "nevus",
                "analyze",
                str(folder),
                "--out",
                f"{name}/out",
            ]
            command += ["--no-report", "--workers", str(workers)]
            command += ["--models", str(given.models)] if given.models else []
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            return time.perf_counter() - start

    few = files[: 2 * workers]
    theirs = (count - len(few)) / (analyze(files) - analyze(few))
    told = f"{ours:.2f} photographs/s, nevus analyze {theirs:.2f}: {ours / theirs:.0%}"
    yield f"throughput, {workers} workers", "against analyze", told, ours >= 0.85 * theirs


def measure_equal(given: argparse.Namespace, photographs: list[bytes]) -> Iterator[Row]:
    with Server.run(given, "--queue", "64") as server:
        files = [photographs[place % len(photographs)] for place in range(32)]
        alone = [server.persist(data, f"{place}.jpg") for place, data in enumerate(files)]
        many = together(32, lambda place: server.persist(files[place], f"{place}.jpg"))
    same = sum(one == other for one, other in zip(alone, many, strict=True))
    errors = Counter(str(one)[:60] for one in many if isinstance(one, Exception))
    told = f"{same} of 32" + (f", errors {dict(errors)}" if errors else "")
    yield "32 clients", "byte-equal to sequential", told, same == 32


def measure_memory(given: argparse.Namespace, photographs: list[bytes]) -> Iterator[Row]:
    big = draw_photographs(1)[0]
    mixed = [*photographs[:8], b"no photograph", big[: len(big) // 2], b""]
    with Server.run(given) as server:

        def send(count: int) -> None:
            def client(who: int) -> None:
                for place in range(who, count, 4):
                    server.persist(mixed[place % len(mixed)])

            bad = [one for one in together(4, client) if isinstance(one, Exception)]
            if bad:
                raise bad[0]

        send(min(300, given.requests // 4))
        before = server.memory()
        half = given.requests // 2
        send(half)
        middle = server.memory()
        send(given.requests - half)
        after = server.memory()
    told = (
        f"{before:.0f} -> {middle:.0f} -> {after:.0f} MiB: {after - before:+.0f} in "
        f"{given.requests} requests"
    )
    yield "memory", "service and workers", told, after - before <= 50


def measure_slow(given: argparse.Namespace, photographs: list[bytes]) -> Iterator[Row]:
    with Server.run(given) as server:

        def time_good() -> float:
            times = []
            for place in range(given.rounds * 5):
                start = time.perf_counter()
                server.persist(photographs[place % len(photographs)])
                times.append(time.perf_counter() - start)
            return statistics.median(times)

        server.persist(photographs[0])
        alone = time_good()
        cut: list[float] = []
        end = threading.Event()
        threads = [
            threading.Thread(target=drip, args=(server, end, cut)) for _ in range(given.senders)
        ]
        for thread in threads:
            thread.start()
        beside = time_good()
        for thread in threads:
            thread.join(30)
        end.set()
    told = f"{1000 * alone:.0f} ms -> {1000 * beside:.0f} ms: x {beside / alone:.2f}"
    yield f"{given.senders} slow senders", "good clients", told, beside <= 2 * alone
    worst = max(cut, default=0.0)
    told = f"{len(cut)} of {given.senders}, the last after {worst:.1f} s"
    yield f"{given.senders} slow senders", "cut off", told, len(cut) == given.senders


def drip(server: Server, end: threading.Event, cut: list[float]) -> None:
    """Send a byte every half second until the server closes."""
    start = time.perf_counter()
    with socket.create_connection(server.place) as connection:
        kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
        head = f"POST /v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n{kind}\r\n\r\n"
        part = 'Content-Disposition: form-data; name="photographs"; filename="a.jpg"'
        connection.sendall(f"{head}--{BOUNDARY}\r\n{part}\r\n\r\n".encode())
        connection.settimeout(0.5)
        while not end.is_set():
            try:
                connection.sendall(b"-")
                connection.recv(4096)
                cut.append(time.perf_counter() - start)
                return
            except TimeoutError:
                continue
            except OSError:
                cut.append(time.perf_counter() - start)
                return


def measure_stop(given: argparse.Namespace, photographs: list[bytes]) -> Iterator[Row]:
    counts, lost, slowest = Counter[int](), 0, 0.0
    for _ in range(given.times):
        statuses, missing, seconds = stop_once(given, photographs)
        counts.update(statuses)
        lost += missing
        slowest = max(slowest, seconds)
    name = f"SIGTERM under load x {given.times}"
    yield name, "statuses", str(dict(sorted(counts.items()))), set(counts) <= {200, 429, 503}
    yield name, "lost", str(lost), lost == 0
    yield name, "slowest end", f"{slowest:.1f} s", slowest <= 20


def stop_once(given: argparse.Namespace, photographs: list[bytes]) -> tuple[list[int], int, float]:
    """Return all statuses, how many requests begun before the signal got none, and its seconds."""
    statuses: list[int] = []
    broken: list[float] = []
    told = threading.Event()
    with Server.run(given) as server:

        def client(who: int) -> None:
            while not told.is_set():
                begun = time.perf_counter()
                try:
                    statuses.append(server.post(photographs[who % len(photographs)])[0])
                except (OSError, http.client.HTTPException):
                    broken.append(begun)

        def stop() -> tuple[float, float]:
            time.sleep(2)
            start = time.perf_counter()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait()
            told.set()
            return start, time.perf_counter() - start

        *_, (start, seconds) = together(9, lambda who: client(who) if who < 8 else stop())
    return statuses, sum(begun < start for begun in broken), seconds


def measure_kill(given: argparse.Namespace, photographs: list[bytes]) -> Iterator[Row]:
    counts, end = Counter[Any](), threading.Event()
    with Server.run(given) as server:

        def client(who: int) -> None:
            while not end.is_set():
                try:
                    counts[server.post(photographs[who % len(photographs)])[0]] += 1
                except OSError as error:
                    counts[type(error).__name__] += 1

        def kill() -> None:
            generator = np.random.default_rng(0)
            for _ in range(given.times):
                time.sleep(generator.uniform(0.1, 0.5))
                if workers := server.workers():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(generator.choice(workers)), signal.SIGKILL)
                server.wait_ready()
            time.sleep(1)
            end.set()

        together(5, lambda who: client(who) if who < 4 else kill())
        alive = server.post(photographs[0])[0]
    name = f"worker killed x {given.times}"
    fine = set(counts) <= {200, 429, 500, 503} and counts[500] <= given.times
    yield name, "statuses", str({str(key): counts[key] for key in sorted(counts, key=str)}), fine
    yield name, "afterwards", str(alive), alive == 200


def measure_disk(given: argparse.Namespace, photographs: list[bytes]) -> Iterator[Row]:
    marked = photographs[0][:2] + b"\xff\xfe" + (len(CANARY) + 2).to_bytes(2, "big") + CANARY
    marked += photographs[0][2:]
    start = time.time() - 1
    with Server.run(given) as server:
        for place in range(100):
            if place % 4:
                server.persist(marked, f"{CANARY.decode()}.jpg")
                continue
            with socket.create_connection(server.place) as connection:
                head = "POST /v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n"
                kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
                connection.sendall((head + kind).encode() + marked)
        places = [server.folder, *(Path(one) for one in ("/tmp", "/var/tmp", "/dev/shm"))]
        places.append(Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")))
        found = [path for place in places for path in find_canary(place, start)]
        left = list((server.folder / "tmp").iterdir())
    yield "100 uploads, 25 aborted", "files with a photograph", str(len(found)), not found
    yield "100 uploads, 25 aborted", "temporary files", str(len(left)), not left


def find_canary(folder: Path, since: float) -> Iterator[Path]:
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            fresh = status.st_mtime >= since and status.st_size < 2**27
            if fresh and stat.S_ISREG(status.st_mode) and CANARY in path.read_bytes():
                yield path


PARTS: dict[str, Callable[[argparse.Namespace, list[bytes]], Iterator[Row]]] = {
    "queue": measure_queue, "throughput": measure_throughput, "equal": measure_equal,
    "memory": measure_memory, "slow": measure_slow, "stop": measure_stop, "kill": measure_kill,
    "disk": measure_disk,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", type=Path)
    parser.add_argument("--photographs", type=Path, help="folder of .jpg; default: drawn ones")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=4, help="requests of each of 64 clients")
    parser.add_argument("--senders", type=int, default=200)
    parser.add_argument("--times", type=int, default=20, help="stops and kills")
    parser.add_argument("--photographs-timed", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    photographs, rows = load_photographs(given), []
    print("| what | measured | result | target |\n|---|---|---|---|", flush=True)
    for part in given.parts:
        for what, measured, result, fine in PARTS[part](given, photographs):
            rows.append({"what": what, "measured": measured, "result": result, "met": fine})
            print(f"| {what} | {measured} | {result} | {'met' if fine else 'MISSED'} |", flush=True)
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
