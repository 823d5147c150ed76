"""Downloaded files and the hashes they are held to: trust on first use, verified from then on."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pooch

from nevus.data.archives import MAX_ENTRIES, MAX_UNPACKED_BYTES, unpack
from nevus.data.partial import PartialFile, require_room
from nevus.data.sources import RemoteFile
from nevus.data.transfer import Progress, TransferOptions, fetch_part
from nevus.errors import DownloadError
from nevus.imaging.files import write_atomically

MANIFEST_NAME: Final = "manifest.json"

Origin = Literal["fetched", "verified", "trusted"]
"""``fetched`` just now, ``verified`` against the manifest, ``trusted`` as found on first sight."""


@dataclass(frozen=True)
class Downloaded:
    """A file that is there and whose hash stands in the manifest.

    Attributes:
        path: The file.
        sha256: Its hash, 64 hexadecimal digits.
        origin: How it came to be there.
        first: Whether the hash was recorded only now, so that nothing vouches for it yet.
    """

    path: Path
    sha256: str
    origin: Origin
    first: bool


def download(
    file: RemoteFile,
    folder: Path,
    *,
    options: TransferOptions | None = None,
    progress: Progress | None = None,
) -> Downloaded:
    """Bring a file into a folder, or check the one that is there.

    The publisher names no hashes. So the first download's sha256 goes into the folder's
    ``manifest.json`` and every later one, and the file on disk, has to match it.

    Raises:
        DownloadError: The transfer failed, the file is no archive though its name says so, or
            its hash is not the one recorded.
        DiskFullError: There is no room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = read_manifest(folder).get(file.name)
    target = folder / file.name
    if target.exists():
        digest = _check(target, file, known)
        origin: Origin = "verified" if known else "trusted"
    else:
        part = PartialFile(target)
        fetch_part(file.url, part, max_bytes=file.max_bytes, options=options, progress=progress)
        try:
            digest = _check(part.path, file, known)
        except DownloadError:
            part.forget()
            raise
        part.finish()
        origin = "fetched"
    if known is None:
        _record(folder, file, digest, target.stat().st_size)
    return Downloaded(target, digest, origin, first=known is None)


def unpack_download(path: Path) -> Path | None:
    """Unpack a downloaded archive beside itself, into a folder of its name.

    Returns:
        The folder; None if the file is no ``.zip``. A folder that is there is left as it is,
        since it only ever appears whole.

    Raises:
        ArchiveError: The archive holds something that must not be unpacked.
        DiskFullError: There is no room.
    """
    if path.suffix.lower() != ".zip":
        return None
    folder = path.with_suffix("")
    if not folder.exists():
        unpack(path, folder, max_entries=MAX_ENTRIES, max_bytes=MAX_UNPACKED_BYTES)
    return folder


def require_space(files: Sequence[RemoteFile], folder: Path, *, unpacked: bool) -> None:
    """Check before the first byte that there is room for all that is still missing.

    Raises:
        DiskFullError: There is not.
    """
    needed = 0
    for file in files:
        target = folder / file.name
        if not target.exists():
            needed += max(0, file.approximate_bytes - PartialFile(target).size)
        # Photographs and masks are compressed already: unpacked they take as much again.
        if unpacked and target.suffix == ".zip" and not target.with_suffix("").exists():
            needed += file.approximate_bytes
    require_room(next(place for place in (folder, *folder.parents) if place.exists()), needed)


def read_manifest(folder: Path) -> dict[str, str]:
    """Return the sha256 recorded for each file name; empty before the first download.

    Raises:
        DownloadError: There is a manifest but it cannot be understood.
    """
    return {name: str(entry["sha256"]) for name, entry in _read_entries(folder).items()}


def _check(path: Path, file: RemoteFile, known: str | None) -> str:
    digest = str(pooch.file_hash(str(path), alg="sha256"))
    if known is not None and digest != known:
        raise DownloadError(
            f"{file.name} has sha256 {digest}, but {known} was recorded at the first download",
            hint=f"delete the file to fetch it again; if its publisher replaced it, delete its "
            f"entry in {MANIFEST_NAME} too",
        )
    if known is None and file.name.endswith(".zip") and not zipfile.is_zipfile(path):
        raise DownloadError(
            f"{file.name} ({path.stat().st_size:,} bytes) from {file.url} is no whole zip archive",
            hint="delete it if it is there and run the same command again",
        )
    return digest


def _record(folder: Path, file: RemoteFile, digest: str, size: int) -> None:
    entries = _read_entries(folder)
    entries[file.name] = {
        "sha256": digest,
        "bytes": size,
        "url": file.url,
        "licence": file.licence,
    }
    text = json.dumps({"format": 1, "files": dict(sorted(entries.items()))}, indent=1)
    write_atomically(folder / MANIFEST_NAME, f"{text}\n".encode())


def _read_entries(folder: Path) -> dict[str, Mapping[str, Any]]:
    path = folder / MANIFEST_NAME
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["files"]
        wrong = [name for name, entry in entries.items() if len(entry["sha256"]) != 64]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, str(error)) from error
    if wrong:
        raise _unreadable(path, f"the hash of {wrong[0]} is not 64 digits")
    return dict(entries)


def _unreadable(path: Path, reason: str) -> DownloadError:
    return DownloadError(
        f"{path} is no manifest of downloads: {reason}",
        hint="restore it, or delete it to trust the files as they are now",
    )
