"""Zip archives from elsewhere: looked through first, unpacked whole or not at all."""

import errno
import lzma
import secrets
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from nevus.errors import ArchiveError, DiskFullError

MAX_ENTRIES: Final = 50_000
MAX_UNPACKED_BYTES: Final = 32 * 2**30
"""Limits for the challenge's archives. Absolute: empty masks honestly compress 1000 to 1."""

UNPACKING_ERRORS: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError,
)  # fmt: skip
"""What a damaged or hostile zip makes Python raise. ValueError: names in no encoding; RuntimeError:
a password is wanted; NotImplementedError, one of its kind: a format or compression unknown."""

_CHUNK = 2**20
_ENCRYPTED = 0x1 | 0x40
_JUNK_FOLDER = "__MACOSX"
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10)}
)


@dataclass(frozen=True)
class _Entry:
    """A file in an archive and where it goes, relative to the new folder."""

    info: zipfile.ZipInfo
    place: PurePosixPath


def unpack(zip_path: Path, folder: Path, *, max_entries: int, max_bytes: int) -> None:
    """Unpack an archive into a folder that is not there yet.

    Every entry is looked at before the first byte is written. A top folder in the archive that
    is named like `folder` is not doubled.

    Args:
        zip_path: The archive.
        folder: The new folder; its parent exists.
        max_entries: More entries are refused.
        max_bytes: More bytes in all, unpacked, are refused; what comes out is counted, not only
            what the archive claims.

    Raises:
        ArchiveError: The file is no archive, an entry must not be unpacked (the message names it
            and says why), or the folder is there already. Nothing is left behind.
        DiskFullError: There is no room. Nothing is left behind.
    """
    if folder.exists():
        raise ArchiveError(f"{folder} is there already", hint="delete or rename it first")
    temporary = folder.with_name(f".unpack-{secrets.token_hex(8)}")
    try:
        temporary.mkdir()
        with zipfile.ZipFile(zip_path) as archive:
            entries = _inspect(archive, zip_path, max_entries, max_bytes)
            _write_entries(archive, _strip(entries, folder.name), temporary, zip_path, max_bytes)
        temporary.replace(folder)
    # ValueError, NotImplementedError: names in no encoding, a format from the future.
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ArchiveError(f"{zip_path} is no readable zip archive: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise DiskFullError(
                f"no room to unpack {zip_path}", hint="make room, run again"
            ) from error
        raise ArchiveError(f"{zip_path} could not be unpacked: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _inspect(
    archive: zipfile.ZipFile, zip_path: Path, max_entries: int, max_bytes: int
) -> list[_Entry]:
    infos = archive.infolist()
    if len(infos) > max_entries:
        raise ArchiveError(
            f"{zip_path} has {len(infos):,} entries, expected at most {max_entries:,}"
        )
    claimed = sum(info.file_size for info in infos)
    if claimed > max_bytes:
        raise _too_large(zip_path, claimed, max_bytes)
    entries = []
    for info in infos:
        problem = _find_problem(info)
        if problem:
            raise _refusal(zip_path, info, problem)
        entries.append(_Entry(info, PurePosixPath(info.orig_filename)))
    _require_distinct(entries, zip_path)
    return [entry for entry in entries if not entry.info.is_dir()]


def _find_problem(info: zipfile.ZipInfo) -> str | None:
    """Return why an entry must not be unpacked, if so."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if stat.S_ISLNK(kind):
        return "is a symbolic link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is neither file nor folder"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    # `filename` is what zipfile made of the name; what the archive says is in `orig_filename`.
    return _find_name_problem(info.orig_filename)


def _find_name_problem(name: str) -> str | None:
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/"):
        return "has an absolute name"
    if ":" in name:
        return "has a drive letter or colon in its name"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return "has a control character in its name"
    pieces = name.removesuffix("/").split("/")
    if ".." in pieces:
        return "leads out of the folder"
    if any(piece in ("", ".") or piece.endswith((".", " ")) for piece in pieces):
        return "has an empty or ambiguous name"
    if any(piece.partition(".")[0].casefold() in _DEVICES for piece in pieces):
        return "has the name of a Windows device"
    return None


def _require_distinct(entries: Sequence[_Entry], zip_path: Path) -> None:
    """Refuse names that would meet on some file system, and files used as folders."""
    seen: set[str] = set()
    files: set[str] = set()
    for entry in entries:
        key = _fold(entry.place)
        if key in seen:
            raise _refusal(zip_path, entry.info, "is there twice (upper and lower case are one)")
        seen.add(key)
        if not entry.info.is_dir():
            files.add(key)
    for entry in entries:
        if any(_fold(parent) in files for parent in entry.place.parents):
            raise _refusal(zip_path, entry.info, "lies below another entry that is a file")


def _fold(place: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(place)).casefold())


def _strip(entries: Sequence[_Entry], top: str) -> list[_Entry]:
    wanted = [entry for entry in entries if entry.place.parts[0] != _JUNK_FOLDER]
    if all(len(entry.place.parts) > 1 and entry.place.parts[0] == top for entry in wanted):
        return [_Entry(entry.info, entry.place.relative_to(top)) for entry in wanted]
    return wanted


def _write_entries(
    archive: zipfile.ZipFile,
    entries: Sequence[_Entry],
    folder: Path,
    zip_path: Path,
    max_bytes: int,
) -> None:
    left = max_bytes
    for entry in entries:
        target = folder.joinpath(*entry.place.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            left -= _write_entry(archive, entry.info, target, left)
        except _OverflowError:
            raise _too_large(zip_path, max_bytes + 1, max_bytes) from None
        except OSError:
            raise
        except UNPACKING_ERRORS as error:
            raise _refusal(zip_path, entry.info, f"cannot be read: {error}") from error


class _OverflowError(Exception):
    """More came out than is allowed."""


def _write_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, left: int) -> int:
    done = 0
    # "x": a name that meets another one here is an error, never overwritten.
    with archive.open(info) as source, target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            done += len(chunk)
            if done > left:
                raise _OverflowError
            file.write(chunk)
    return done


def _refusal(zip_path: Path, info: zipfile.ZipInfo, reason: str) -> ArchiveError:
    return ArchiveError(
        f"{zip_path}: entry {info.orig_filename!r} {reason}",
        hint="nothing was unpacked; fetch the archive again from its publisher",
    )


def _too_large(zip_path: Path, found: int, limit: int) -> ArchiveError:
    return ArchiveError(
        f"{zip_path} unpacks to {found:,} bytes or more, expected at most {limit:,}"
    )
