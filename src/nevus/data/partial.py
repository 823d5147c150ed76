"""A file that is on its way: its bytes so far, and which version of the file they belong to."""

import errno
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nevus.errors import DiskFullError

_SPARE = 64 * 2**20


@dataclass(frozen=True)
class Version:
    """What a server said about the file a part belongs to.

    Attributes:
        url: Where it came from.
        etag: The server's strong ETag, quotes included.
        total: Size of the whole file in bytes.
    """

    url: str
    etag: str
    total: int


class PartialFile:
    """``TARGET.part`` and the note ``TARGET.part.json`` beside it.

    Args:
        target: The name the file gets once it is whole.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def read_version(self, url: str) -> Version | None:
        """Return which file the bytes belong to; None if that is not known for sure."""
        try:
            value = json.loads(self._note.read_text(encoding="utf-8"))
            version = Version(str(value["url"]), str(value["etag"]), int(value["total"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return version if version.url == url and self.size <= version.total else None

    def begin(self, version: Version | None) -> None:
        """Empty the part and note what it will belong to."""
        self._note.unlink(missing_ok=True)
        self.path.write_bytes(b"")
        if version is not None:
            self._note.write_text(json.dumps(vars(version)), encoding="utf-8")

    def write(self, file: IO[bytes], chunk: bytes) -> None:
        """Append to the opened part.

        Raises:
            DiskFullError: There is no room.
        """
        try:
            file.write(chunk)
        except OSError as error:
            if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
                raise DiskFullError(
                    f"no room for {self.path}", hint="make room, run again; what came is kept"
                ) from error
            raise

    def forget(self) -> None:
        """Delete bytes and note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the whole part its name."""
        self.path.replace(self.target)
        self._note.unlink(missing_ok=True)


def require_room(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        DiskFullError: Fewer than `needed` bytes, and a little to spare, are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise DiskFullError(
            f"{folder} has {free:,} bytes free, {needed + _SPARE:,} are needed",
            hint="make room, or choose another folder",
        )
