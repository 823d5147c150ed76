"""Downloads from a server in this process that behaves and misbehaves."""

import contextlib
import hashlib
import io
import json
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nevus.data import partial, sources
from nevus.data.download import download, read_manifest, require_space, unpack_download
from nevus.data.sources import FILES, RemoteFile, choose_files, describe_bytes
from nevus.data.transfer import TransferOptions, require_safe
from nevus.errors import DiskFullError, DownloadError, UsageError

OPTIONS = TransferOptions(timeout=0.3, retries=3, backoff=0.001, allow_loopback_http=True)


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def zipped(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("set/a.png", noise(5000, seed))
    return buffer.getvalue()


@dataclass
class Server:
    """What is served and how; `script` holds the misbehaviours of the next answers, in order."""

    url: str
    content: bytes = b""
    etag: str = '"one"'
    script: list[str] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    waited_out: bool = False
    released: threading.Event = field(default_factory=threading.Event)

    def file(self, name: str = "data.csv", approximate_bytes: int = 10**6) -> RemoteFile:
        return RemoteFile(name, ("segmentation",), "training", approximate_bytes, "CC-0", self.url)


def answer(handler: BaseHTTPRequestHandler, server: Server) -> None:
    how = server.script.pop(0) if server.script else "well"
    server.requests.append({name.lower(): value for name, value in handler.headers.items()})
    if how.isdigit():
        handler.send_error(int(how))
        return
    if how.startswith("redirect "):
        handler.send_response(302)
        handler.send_header("Location", how.removeprefix("redirect "))
        handler.end_headers()
        return
    asked = handler.headers.get("Range")
    ranged = asked and handler.headers.get("If-Range") == server.etag and how != "ignore range"
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and ranged else 0
    start += 1 if how == "wrong place" else 0
    body, total = server.content[start:], len(server.content)
    handler.send_response(206 if ranged else 200)
    if ranged:
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    if server.etag:
        handler.send_header("ETag", server.etag)
    length = {"promise more": len(body) + 100, "promise less": len(body) // 2}.get(how, len(body))
    if how not in ("no length", "endless"):
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    send(handler, server, body, how)


def send(handler: BaseHTTPRequestHandler, server: Server, body: bytes, how: str) -> None:
    if how in ("break off", "stall"):
        body = body[: len(body) // 2]
    if how == "nothing":
        body = b""
    server.sent.append(len(body))  # before the client has it: a test may look at once
    handler.wfile.write(body)
    handler.wfile.flush()
    if how == "stall":
        server.waited_out = not server.released.wait(5)
    for _ in range(3000 if how == "endless" else 0):
        handler.wfile.write(bytes(10_000))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):
                answer(self, state)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state = Server(f"http://127.0.0.1:{httpd.server_port}/2018/")
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield state
        state.released.set()
        httpd.shutdown()
        thread.join()


def only_kept(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_whole_download_is_recorded(server: Server, tmp_path: Path) -> None:
    server.content = noise(700_000)
    seen: list[tuple[int, int]] = []
    result = download(
        server.file(), tmp_path / "new", options=OPTIONS, progress=lambda *at: seen.append(at)
    )
    digest = hashlib.sha256(server.content).hexdigest()
    assert (result.sha256, result.origin, result.first) == (digest, "fetched", True)
    assert result.path.read_bytes() == server.content
    assert seen[-1] == (700_000, 700_000)
    assert only_kept(tmp_path / "new", "data.csv", "manifest.json")
    manifest = json.loads((tmp_path / "new" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"]["data.csv"] == {
        "sha256": digest,
        "bytes": 700_000,
        "url": server.file().url,
        "licence": "CC-0",
    }


def test_second_download_opens_no_connection(server: Server, tmp_path: Path) -> None:
    server.content = b"a,b\n"
    download(server.file(), tmp_path, options=OPTIONS)
    result = download(server.file(), tmp_path, options=OPTIONS)
    assert (result.origin, result.first) == ("verified", False)
    assert len(server.requests) == 1


def test_broken_connection_goes_on_with_the_rest(server: Server, tmp_path: Path) -> None:
    server.content = noise(600_001)
    server.script = ["break off", "break off"]
    result = download(server.file(), tmp_path, options=OPTIONS)
    assert result.path.read_bytes() == server.content
    assert server.sent == [300_000, 150_000, 150_001]
    assert server.requests[1]["range"] == "bytes=300000-"
    assert server.requests[1]["if-range"] == '"one"'
    assert only_kept(tmp_path, "data.csv", "manifest.json")


def test_the_next_run_goes_on_with_the_rest(server: Server, tmp_path: Path) -> None:
    server.content = noise(600_000)
    server.script = ["break off", "503", "503", "503"]
    with pytest.raises(DownloadError, match=r"failed 4 times, last: status 503.*kept"):
        download(server.file(), tmp_path, options=OPTIONS)
    assert only_kept(tmp_path, "data.csv.part", "data.csv.part.json")
    result = download(server.file(), tmp_path, options=OPTIONS)
    assert result.path.read_bytes() == server.content
    assert server.sent == [300_000, 300_000]


def test_whole_part_needs_no_connection(server: Server, tmp_path: Path) -> None:
    """Killed between the last byte and the new name."""
    server.content = noise(1000)
    part = partial.PartialFile(tmp_path / "data.csv")
    part.begin(partial.Version(server.file().url, '"one"', 1000))
    part.path.write_bytes(server.content)
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content
    assert server.requests == []


@pytest.mark.parametrize("note", ["", "{}", "[1]", '{"url": 1, "etag": 2, "total": "x"}'])
def test_part_without_a_usable_note_starts_anew(server: Server, tmp_path: Path, note: str) -> None:
    server.content = noise(1000)
    (tmp_path / "data.csv.part").write_bytes(b"who knows")
    (tmp_path / "data.csv.part.json").write_text(note, encoding="utf-8")
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content
    assert "range" not in server.requests[0]


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_etag_it_starts_anew(server: Server, tmp_path: Path, etag: str) -> None:
    server.content, server.etag, server.script = noise(1000), etag, ["break off"]
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content
    assert "range" not in server.requests[1]


def test_server_that_ignores_range(server: Server, tmp_path: Path) -> None:
    server.content = noise(600_000)
    server.script = ["break off", "ignore range"]
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content
    assert server.sent == [300_000, 600_000]


def test_server_that_goes_on_at_another_place(server: Server, tmp_path: Path) -> None:
    server.content = noise(600_000)
    server.script = ["break off", "wrong place"]
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content
    assert "range" not in server.requests[2]


def test_file_that_changes_between_attempts(server: Server, tmp_path: Path) -> None:
    server.content = noise(600_000, seed=1)
    server.script = ["break off", "503", "503", "503"]
    with pytest.raises(DownloadError):
        download(server.file(), tmp_path, options=OPTIONS)
    server.content, server.etag = noise(500_000, seed=2), '"two"'
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content


def test_416_starts_anew(server: Server, tmp_path: Path) -> None:
    server.content = noise(1000)
    server.script = ["break off", "416"]
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content


def test_server_that_promises_more_is_given_up(server: Server, tmp_path: Path) -> None:
    server.content, server.etag = noise(1000), ""
    server.script = ["promise more"] * 9
    with pytest.raises(DownloadError, match="1,000 of 1,100 bytes"):
        download(server.file(), tmp_path, options=OPTIONS)
    assert len(server.requests) == 4
    assert not (tmp_path / "data.csv").exists()


def test_archive_cut_by_a_wrong_length_is_not_trusted(server: Server, tmp_path: Path) -> None:
    server.content, server.script = zipped(), ["promise less"]
    with pytest.raises(DownloadError, match="no whole zip archive"):
        download(server.file("set.zip"), tmp_path, options=OPTIONS)
    assert only_kept(tmp_path)
    assert download(server.file("set.zip"), tmp_path, options=OPTIONS).first


def test_missing_length_is_borne(server: Server, tmp_path: Path) -> None:
    server.content, server.script = noise(1000), ["no length"]
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content


def test_stall_times_out_and_goes_on(server: Server, tmp_path: Path) -> None:
    server.content = noise(600_000)
    server.script = ["stall"]
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == server.content
    assert server.sent == [300_000, 300_000]
    assert not server.waited_out


def test_server_that_always_breaks_off_is_given_up(server: Server, tmp_path: Path) -> None:
    server.content = noise(1000)
    server.script = ["nothing"] * 99
    with pytest.raises(DownloadError, match="failed 4 times"):
        download(server.file(), tmp_path, options=OPTIONS)


def test_breaks_with_progress_between_are_borne(server: Server, tmp_path: Path) -> None:
    """Seven failures where three in a row are allowed; a mebibyte gained sets the count back."""
    server.content = noise(6 * 2**20)
    server.script = ["503", "503", "503", "break off", "503", "503", "break off"]
    result = download(server.file(approximate_bytes=10**7), tmp_path, options=OPTIONS)
    assert result.path.read_bytes() == server.content


def test_refusing_server_is_asked_once(server: Server, tmp_path: Path) -> None:
    server.script = ["404", "403"]
    for status in ("404", "403"):
        with pytest.raises(DownloadError, match=f"status {status}, expected 200"):
            download(server.file(), tmp_path, options=OPTIONS)
    assert len(server.requests) == 2


def test_failing_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.content, server.script = b"a,b\n", ["500", "503", "429"]
    assert download(server.file(), tmp_path, options=OPTIONS).path.read_bytes() == b"a,b\n"
    assert len(server.requests) == 4


def test_nobody_there(tmp_path: Path) -> None:
    file = RemoteFile("a.csv", (), "training", 1, "CC-0", "http://127.0.0.1:9/")
    with pytest.raises(DownloadError, match="failed 4 times"):
        download(file, tmp_path, options=OPTIONS)


@pytest.mark.parametrize("how", ["well", "endless"])
def test_more_than_the_cap_is_refused(server: Server, tmp_path: Path, how: str) -> None:
    """Announced by Content-Length, or only found out on the way."""
    server.content = noise(16 * 2**20 + 201 if how == "well" else 1)
    server.script = [how]
    with pytest.raises(DownloadError, match="expected at most 16,777,416"):
        download(server.file(approximate_bytes=100), tmp_path, options=OPTIONS)
    assert only_kept(tmp_path)
    assert len(server.requests) == 1


def test_changed_file_on_disk_is_refused(server: Server, tmp_path: Path) -> None:
    server.content = b"first"
    first = download(server.file(), tmp_path, options=OPTIONS)
    first.path.write_bytes(b"other")
    with pytest.raises(DownloadError) as caught:
        download(server.file(), tmp_path, options=OPTIONS)
    assert first.sha256 in str(caught.value)
    assert hashlib.sha256(b"other").hexdigest() in str(caught.value)
    assert first.path.read_bytes() == b"other"


def test_changed_file_at_the_source_is_refused(server: Server, tmp_path: Path) -> None:
    server.content = b"first"
    first = download(server.file(), tmp_path, options=OPTIONS)
    first.path.unlink()
    server.content = b"other"
    with pytest.raises(DownloadError, match=f"{first.sha256} was recorded"):
        download(server.file(), tmp_path, options=OPTIONS)
    assert only_kept(tmp_path, "manifest.json")
    assert read_manifest(tmp_path) == {"data.csv": first.sha256}


def test_file_that_was_there_is_trusted_and_recorded(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"mine")
    result = download(server.file(), tmp_path, options=OPTIONS)
    assert (result.origin, result.first, server.requests) == ("trusted", True, [])
    assert read_manifest(tmp_path) == {"data.csv": hashlib.sha256(b"mine").hexdigest()}


@pytest.mark.parametrize("text", ["", "[]", '{"files": {"a": {"sha256": "00"}}}', '{"files": 1}'])
def test_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(DownloadError, match="is no manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "http://localhost.example.org/a",
        "http://127.0.0.1.example.org/a",
        "ftp://example.org/a",
        "file:///etc/passwd",
        "https:///a",
    ],
)
def test_only_https(url: str) -> None:
    with pytest.raises(DownloadError, match="only https"):
        require_safe(url, OPTIONS)


def test_http_on_this_machine_needs_the_test_option(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="only https"):
        download(server.file(), tmp_path)
    assert server.requests == []


@pytest.mark.parametrize(
    ("target", "reason"),
    # urllib itself follows no redirect to a file and reports the status instead.
    [("http://example.org/a", "only https"), ("file:///etc/passwd", "status 302")],
)
def test_redirect_out_of_https_is_refused(
    server: Server, tmp_path: Path, target: str, reason: str
) -> None:
    server.script = [f"redirect {target}"]
    with pytest.raises(DownloadError, match=reason):
        download(server.file(), tmp_path, options=OPTIONS)


def test_no_room(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free: Callable[[object], object] = lambda _folder: partial_usage(70 * 2**20)  # noqa: E731
    monkeypatch.setattr("nevus.data.partial.shutil.disk_usage", free)
    server.content = noise(8 * 2**20)
    with pytest.raises(DiskFullError, match="bytes free"):
        download(server.file(approximate_bytes=10**7), tmp_path, options=OPTIONS)
    small = [server.file("a.zip", approximate_bytes=4 * 2**20)]
    require_space(small, tmp_path / "not" / "yet", unpacked=False)
    with pytest.raises(DiskFullError):
        require_space(small, tmp_path / "not" / "yet", unpacked=True)


@dataclass
class partial_usage:  # noqa: N801
    free: int


def test_unpack_download(server: Server, tmp_path: Path) -> None:
    server.content = zipped()
    path = download(server.file("set.zip"), tmp_path, options=OPTIONS).path
    folder = unpack_download(path)
    assert folder == tmp_path / "set"
    assert (folder / "a.png").read_bytes() == noise(5000)
    assert unpack_download(path) == folder
    assert unpack_download(tmp_path / "groups.csv") is None


def test_table_is_sound() -> None:
    assert len({file.name for file in FILES}) == len(FILES) == 16
    assert all(file.url.startswith("https://") for file in FILES)
    assert all((file.licence == "CC-0") == ("diagnosis" not in file.tasks) for file in FILES)


def test_choose_files() -> None:
    names = [file.name for file in choose_files(["segmentation", "attributes"], ["training"])]
    assert names == [
        "ISIC2018_Task1-2_Training_Input.zip",
        "ISIC2018_Task1_Training_GroundTruth.zip",
        "ISIC2018_Task2_Training_GroundTruth_v3.zip",
    ]
    assert len(choose_files(["diagnosis"])) == 7
    for tasks, parts in ((["lesions"], ["test"]), (["diagnosis"], ["tests"]), ([], ["test"])):
        with pytest.raises(UsageError):
            choose_files(tasks, parts)


@pytest.mark.parametrize(
    ("count", "text"), [(10_400_000_000, "10.4 GB"), (26_000_000, "26 MB"), (999, "999 bytes")]
)
def test_describe_bytes(count: int, text: str) -> None:
    assert describe_bytes(count) == text


def test_addresses_are_the_challenges() -> None:
    assert sources.BASE_URL == "https://isic-challenge-data.s3.amazonaws.com/2018/"
