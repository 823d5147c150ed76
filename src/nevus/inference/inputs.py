"""Photographs read ahead of the network, and a list of those that cannot be read."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nevus.errors import ImageError, UsageError
from nevus.imaging.cells import clean_name, guard_cell, on_one_line
from nevus.imaging.files import write_atomically
from nevus.imaging.limits import Limits
from nevus.imaging.reading import Photograph, read_image


@dataclass(frozen=True)
class Failure:
    """A file that could not be predicted.

    Attributes:
        path: The file.
        code: `ImageError.code`.
        text: One sentence.
    """

    path: Path
    code: str
    text: str


def refuse_same_names(images: Iterable[Path]) -> None:
    """Refuse photographs of one name, whose results would overwrite each other.

    Upper and lower case are one, and so are the two ways to write an accent: file systems differ.

    Raises:
        UsageError: Two of them, in different folders or with different endings.
    """
    seen: dict[str, Path] = {}
    for path in images:
        name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path.stem).casefold())
        first = seen.setdefault(name, path)
        if first is not path:
            raise UsageError(
                f"{first} and {path} have one name, their results would overwrite each other",
                hint="predict them into different --out folders, or rename one",
            )


def read_ahead(
    pool: ThreadPoolExecutor, images: Sequence[Path], limits: Limits, ahead: int
) -> Iterator[tuple[Path, Photograph | Failure]]:
    """Yield each photograph, in order, while `ahead` more are being read in `pool`."""
    upcoming = iter(images)
    reading: list[Future[Photograph | Failure]] = []
    for _ in range(ahead):
        _submit_next(pool, upcoming, reading, limits)
    for path in images:
        photograph = reading.pop(0).result()
        _submit_next(pool, upcoming, reading, limits)
        yield path, photograph


def write_failures(path: Path, failures: Iterable[Failure]) -> None:
    """Write what failed as ``file,code,text``; without failures the file is removed.

    Raises:
        DiskFullError: There is no room.
    """
    table = [
        [
            guard_cell(clean_name(failure.path.name)),
            failure.code,
            guard_cell(on_one_line(failure.text)),
        ]
        for failure in failures
    ]
    if not table:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["file", "code", "text"], *table])
    write_atomically(path, text.getvalue().encode("utf-8", errors="backslashreplace"))


def _submit_next(
    pool: ThreadPoolExecutor,
    upcoming: Iterator[Path],
    reading: list[Future[Photograph | Failure]],
    limits: Limits,
) -> None:
    path = next(upcoming, None)
    if path is not None:
        reading.append(pool.submit(_read, path, limits))


def _read(path: Path, limits: Limits) -> Photograph | Failure:
    try:
        return read_image(path, limits)
    except ImageError as error:
        return Failure(path, error.code, str(error))
