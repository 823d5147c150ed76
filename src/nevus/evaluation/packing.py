"""What every submission of masks shares: expected photographs, checks, the zip."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from nevus.errors import SubmissionError, UsageError
from nevus.evaluation.inspection import MaskFindings, check_mask
from nevus.evaluation.pairs import find_photographs, open_masks
from nevus.evaluation.writing import write_result
from nevus.processors import count_processors

_IMAGE_ID: Final = re.compile(r"ISIC_[0-9]{7}(?![0-9])")
_SHOWN: Final = 3
# The same masks give the same zip whenever it is made: zip's earliest date, no compression.
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Submission:
    """A zip that was written and read back.

    Args:
        path: Of the zip.
        n: How many photographs' masks it holds.
        sha256: Of the zip.
        warnings: What the scorer accepts though it may not be meant, one sentence each.
    """

    path: Path
    n: int
    sha256: str
    warnings: tuple[str, ...]


def find_expected(images: Path | None, truth_ids: Path | None) -> dict[str, Path | None] | None:
    """Return image_id -> photograph, or None for each where only ids are known; None for neither.

    Raises:
        UsageError: Both are given, or one holds no ISIC number.
    """
    if images is not None and truth_ids is not None:
        raise UsageError("--images and --truth-ids exclude each other", hint="--images tells more")
    if images is not None:
        photographs = find_photographs(images)
        expected = {key: path for key, path in photographs.items() if _IMAGE_ID.fullmatch(key)}
        if not expected:
            raise UsageError(f"{images} holds no photograph named ISIC_<7 digits>")
        return dict(expected)
    return dict.fromkeys(read_ids(truth_ids)) if truth_ids is not None else None


def read_ids(path: Path) -> list[str]:
    """Return the image_ids of a text file with one a line; a header is passed over.

    Raises:
        UsageError: The file cannot be read, or a line names no photograph.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a list of image_ids: {error}") from error
    ids = []
    for number, line in enumerate(lines, start=1):
        found = _IMAGE_ID.match(line.strip().strip("\"'"))
        if found:
            ids.append(found.group())
        elif line.strip() and number > 1:
            raise UsageError(f"{path}, line {number}: {line[:60]!r} names no ISIC_<7 digits>")
    if not ids:
        raise UsageError(f"{path} names no ISIC_<7 digits>")
    return ids


def check_masks(
    masks: Sequence[tuple[Path, Path | None]], workers: int | None, *, lesions: bool = True
) -> dict[str, MaskFindings]:
    """Return file name -> what is wrong with each mask, given the photograph it belongs to.

    Args:
        masks: Masks with their photographs, where these are known.
        workers: Threads; by default one per core, at most 8.
        lesions: As in `check_mask`.
    """
    paths = [path for path, _ in masks]
    check = partial(check_mask, lesion=lesions)
    number = workers or min(count_processors(), 8)
    with ThreadPoolExecutor(number) as pool:
        findings = pool.map(check, paths, [photograph for _, photograph in masks])
        return {path.name: one for path, one in zip(paths, findings, strict=True)}


def write_submission(
    out: Path, checked: Mapping[str, MaskFindings], n: int, warnings: Sequence[str]
) -> Submission:
    """Write checked masks as one zip and read it back.

    Raises:
        SubmissionError: The zip does not read back as written.
        DiskFullError: No space is left for it.
    """
    archive = _pack({name: one.data for name, one in checked.items()})
    write_result(out, archive)
    _read_back(out, checked)
    more = [text for one in checked.values() for text in one.warnings]
    return Submission(out, n, hashlib.sha256(archive).hexdigest(), (*warnings, *more))


def _pack(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])
    return stream.getvalue()


def _read_back(out: Path, checked: Mapping[str, MaskFindings]) -> None:
    with open_masks(out) as files:
        found = {file.name: file.open() for file in files}
    if found != {name: one.data for name, one in checked.items()}:
        raise SubmissionError(f"{out} does not read back as written", hint="is the disk sound?")


def make_error(prediction: Path, problems: Iterable[str]) -> SubmissionError:
    """Return the error that names the first problems and holds all."""
    found = list(problems)
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return SubmissionError(
        f"{prediction} cannot be submitted, {len(found)} problems: "
        f"{'; '.join(found[:_SHOWN])}{more}",
        problems=found,
    )
