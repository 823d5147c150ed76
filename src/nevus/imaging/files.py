"""Finding photographs in folders, and writing files that are either whole or not there."""

import errno
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from nevus.errors import DiskFullError, UsageError
from nevus.labels import IMAGE_SUFFIXES

PARTIAL = ".partial-"
"""How the names of files begin that are being written."""

_STALE = 60.0
_SHOWN = 3
_NOT_PHOTOGRAPHS = ("_segmentation", "_superpixels")
_OTHER_PICTURES = frozenset(
    (".avif", ".bmp", ".dcm", ".gif", ".heic", ".heif", ".jp2", ".tif", ".tiff", ".webp")
)


def find_images(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the photographs among files and folders, sorted and without doubles.

    Files named in person are taken as they are, so that their errors are reported; of folders,
    what has a photograph's ending and not a mask's name. Links out of a folder are not followed.

    Raises:
        UsageError: A path does not exist.
    """
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(_find_in_folder(path))
        elif path.exists():
            found.add(path)
        else:
            raise UsageError(f"there is no {str(path)!r}", hint="name photographs or folders")
    return tuple(sorted(found))


def is_photograph_name(path: Path) -> bool:
    """Return whether a name looks like a photograph's and not like an official mask's."""
    return _is_shown_picture(path) and not _has_mask_name(path)


def count_masks(paths: Iterable[Path], *, besides: Path) -> int:
    """Return how many pictures in folders `find_images` leaves out as masks, by their names.

    Args:
        paths: As given to `find_images`; files among them are not looked at.
        besides: A folder whose masks are not counted, such as that of results.
    """
    folders = [path for path in paths if path.is_dir()]
    found = {path for folder in folders for path in folder.rglob("*") if _has_mask_name(path)}
    own = besides.absolute()
    return sum(
        _is_shown_picture(path) and path.is_file() and own not in path.absolute().parents
        for path in found
    )


def count_other_pictures(paths: Iterable[Path]) -> Counter[str]:
    """Return how many pictures in folders are of a kind that is not read, by ending."""
    folders = [path for path in paths if path.is_dir()]
    found = {
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in _OTHER_PICTURES and not path.name.startswith(".")
    }
    return Counter(path.suffix.lower() for path in found if path.is_file())


def _is_shown_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _has_mask_name(path: Path) -> bool:
    return path.stem.endswith(_NOT_PHOTOGRAPHS) or "_attribute_" in path.stem


@contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing whose name only ever stands for whole content.

    The user's umask says who may read it.

    Raises:
        OSError: As of any file; what was there before is untouched.
    """
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.filename == str(partial):
            error.filename = str(path)  # the name people know
        raise
    finally:
        # There no more where all went well; else neither an error nor Ctrl-C leaves it behind.
        partial.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that its name only ever stands for whole content.

    Raises:
        DiskFullError: There is no room; what was there before is untouched.
    """
    try:
        with open_whole(path) as file:
            file.write(data)
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise DiskFullError(
                f"no room for {path}: {len(data):,} bytes are needed", hint="make room, run again"
            ) from error
        raise


def refuse_foreign(out: Path, names: Sequence[str], verb: str) -> None:
    """Refuse to write into a folder where somebody else's files would be replaced.

    Args:
        out: The folder.
        names: Of the files there that would be; none: all is well.
        verb: Of nevus, that did not write them.

    Raises:
        UsageError: There are any.
    """
    if names:
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        raise UsageError(
            f"{out} holds files that nevus {verb} did not write and would replace: "
            f"{', '.join(names[:_SHOWN])}{more}",
            hint="name another --out",
        )


def remove_partials(folder: Path) -> None:
    """Remove what a killed process left half written in a folder; others may be writing there."""
    for path in folder.glob(f"{PARTIAL}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE:
                path.unlink()


def tell_none_found(places: Iterable[Path]) -> str:
    """Return a sentence on why `find_images` found nothing: perhaps it left links out."""
    folders = [place for place in places if place.is_dir()]
    links = sum(
        is_photograph_name(path) and path.is_symlink()
        for folder in folders
        for path in folder.rglob("*")
    )
    if not links:
        return "no photographs found"
    return (
        "no photographs found, links that lead out of their folder, which are not followed: "
        f"{links}; copy or hard-link the photographs"
    )


def _find_in_folder(folder: Path) -> list[Path]:
    root = folder.resolve()
    return [
        path
        for path in folder.rglob("*")
        if is_photograph_name(path) and path.is_file() and path.resolve().is_relative_to(root)
    ]
