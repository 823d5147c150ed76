"""One file over https: resumed after a broken connection, capped, patient but not endlessly so."""

# pooch cannot go on with a half-loaded file, and half of 10 GB is much to lose; its own rule for
# a file that changed (fetch it again, overwrite) is not wanted either. So the standard library's
# urllib does the transfer here, and pooch only the hashing in nevus.data.download.

import http.client
import ipaddress
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

from nevus import __version__
from nevus.data.partial import PartialFile, Version, require_room
from nevus.errors import DownloadError

Progress = Callable[[int, int], None]
"""Called with bytes there and bytes in all (bytes there again when the server does not say)."""

_CHUNK = 2**18
_ADVANCE = 2**20
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class TransferOptions:
    """How long to wait, how often to try, and what to allow.

    Attributes:
        timeout: Seconds without a byte after which a connection counts as broken.
        retries: Failures in a row, without progress between, that are borne.
        backoff: Seconds before the first new attempt; doubled each time, at most 60.
        allow_loopback_http: Allow plain http to this machine itself; for tests only.
    """

    timeout: float = 30.0
    retries: int = 6
    backoff: float = 1.0
    allow_loopback_http: bool = False


class _BrokenError(Exception):
    """This attempt failed; another may not."""


def fetch_part(
    url: str,
    part: PartialFile,
    *,
    max_bytes: int,
    options: TransferOptions | None = None,
    progress: Progress | None = None,
) -> None:
    """Bring a file's bytes into a part, going on where an earlier attempt broke off.

    It goes on only if the server vouches by a strong ETag that the file is the same (Range and
    If-Range, RFC 9110 section 13.1.5); otherwise it starts anew. Afterwards the part is whole;
    the caller checks it and gives it its name.

    Raises:
        DownloadError: The address is not https, the server refuses or fails too often, or the
            file is larger than `max_bytes`.
        DiskFullError: There is no room.
    """
    options = options or TransferOptions()
    require_safe(url, options)
    failures, reached = 0, part.size
    while True:
        try:
            _attempt(url, part, max_bytes, options, progress or _ignore)
            return
        except _BrokenError as error:
            # Only new ground counts as progress: a server that ignores Range would otherwise be
            # asked for ever.
            if part.size >= reached + _ADVANCE:
                failures, reached = 0, part.size
            failures += 1
            if failures > options.retries:
                raise DownloadError(
                    f"{url} failed {failures} times, last: {error}",
                    hint="run the same command again later; what has arrived is kept",
                ) from error
            time.sleep(min(60.0, options.backoff * 2 ** (failures - 1)))


def require_safe(url: str, options: TransferOptions) -> None:
    """Refuse every address that is not https.

    Raises:
        DownloadError: As said.
    """
    split = urlsplit(url)
    if split.scheme == "https" and split.hostname:
        return
    if options.allow_loopback_http and split.scheme == "http" and _is_loopback(split.hostname):
        return
    raise DownloadError(f"{url} is not fetched: only https addresses are")


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _ignore(done: int, total: int) -> None:
    pass


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never out of https."""

    def __init__(self, options: TransferOptions) -> None:
        self._options = options

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        require_safe(newurl, self._options)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _attempt(
    url: str, part: PartialFile, max_bytes: int, options: TransferOptions, progress: Progress
) -> None:
    version = part.read_version(url)
    if version and part.size == version.total:
        return
    headers = {"User-Agent": f"nevus/{__version__}", "Accept-Encoding": "identity"}
    if version and part.size:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": version.etag}
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(_SafeRedirects(options))
    try:
        with opener.open(request, timeout=options.timeout) as response:
            _receive(response, url, part, max_bytes, progress)
    except urllib.error.HTTPError as error:
        error.close()
        _judge_status(error.code, url, part)
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadError(f"{url}: the server's certificate is not valid") from error
        raise _BrokenError(str(error.reason)) from error
    except (http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        raise _BrokenError(str(error) or type(error).__name__) from error


def _judge_status(code: int, url: str, part: PartialFile) -> None:
    if code == 416:
        # The file there now is shorter than what we have of another version.
        part.forget()
        raise _BrokenError("status 416, starting anew")
    if code in _TRY_AGAIN:
        raise _BrokenError(f"status {code}")
    raise DownloadError(
        f"{url} answered with status {code}, expected 200",
        hint="the file may have moved; see https://challenge.isic-archive.com/data/",
    )


def _receive(
    response: Any, url: str, part: PartialFile, max_bytes: int, progress: Progress
) -> None:
    if response.status == 206:
        start = _continue(response, url, part)
    else:
        start = _begin(response, url, part)
    total = _find_total(response)
    if total is not None:
        _require_below(total, max_bytes, url, part)
        require_room(part.path.parent, total - start)
    done = start
    with part.path.open("ab") as file:
        while chunk := response.read1(_CHUNK):
            done += len(chunk)
            _require_below(done, max_bytes, url, part)
            part.write(file, chunk)
            progress(done, total or done)
        file.flush()
        os.fsync(file.fileno())
    if part.size != done:
        raise DownloadError(f"another process is writing {part.path}", hint="let it finish first")
    if total is not None and done != total:
        raise _BrokenError(f"{done:,} of {total:,} bytes came")


def _find_total(response: Any) -> int | None:
    """Return the whole file's size, if the server says it."""
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        return int(match[3]) if match else None
    length = response.headers.get("Content-Length", "")
    return int(length) if _LENGTH.fullmatch(length) else None


def _begin(response: Any, url: str, part: PartialFile) -> int:
    """Empty the part; return the place it goes on from, 0."""
    total, etag = _find_total(response), response.headers.get("ETag", "")
    # A weak tag (W/"...") does not promise equal bytes.
    known = total is not None and etag.startswith('"')
    part.begin(Version(url, etag, total or 0) if known else None)
    return 0


def _continue(response: Any, url: str, part: PartialFile) -> int:
    """Return the place an answer to Range goes on from, if it fits the part."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    version = part.read_version(url)
    if match and version and response.headers.get("ETag") in (None, version.etag):
        start, total = int(match[1]), int(match[3])
        if (start, total) == (part.size, version.total):
            return start
    part.forget()
    raise _BrokenError("the server went on with another file or place, starting anew")


def _require_below(found: int, limit: int, url: str, part: PartialFile) -> None:
    if found > limit:
        part.forget()
        raise DownloadError(f"{url} is {found:,} bytes or more, expected at most {limit:,}")
