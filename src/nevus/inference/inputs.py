"""Photographs read ahead of the network, and a list of those that cannot be read."""

import csv
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nevus.errors import ImageError
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


def write_failures(path: Path, failures: Sequence[Failure]) -> None:
    """Write failures as file, code, text; without failures the file is removed."""
    if not failures:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "code", "text"])
    for failure in failures:
        writer.writerow([harmless(failure.path.name), failure.code, harmless(failure.text)])
    write_atomically(path, text.getvalue().encode("utf-8", errors="backslashreplace"))


def harmless(cell: str) -> str:
    """Return a cell that a spreadsheet shows as text.

    Spreadsheets run cells that begin like a formula; file names are strangers' text.
    """
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


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
