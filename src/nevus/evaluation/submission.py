"""A folder of masks, checked as strictly as the challenge needs, turned into one zip."""

import hashlib
import io
import os
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nevus.errors import SubmissionError, UsageError
from nevus.evaluation.inspection import MaskFindings, check_mask
from nevus.evaluation.pairs import find_photographs, open_masks
from nevus.evaluation.writing import write_result
from nevus.labels import segmentation_name

_MASK_NAME: Final = re.compile(r"(ISIC_[0-9]{7})_segmentation\.png")
_IMAGE_ID: Final = re.compile(r"ISIC_[0-9]{7}(?![0-9])")
_NUMBER: Final = re.compile(r"[0-9]{7}")
_SHOWN: Final = 3
# The same masks give the same zip whenever it is made: zip's earliest date, no compression.
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Submission:
    """A zip that was written and read back.

    Args:
        path: Of the zip.
        n: How many masks it holds.
        sha256: Of the zip.
        warnings: What the scorer accepts though it may not be meant, one sentence each.
    """

    path: Path
    n: int
    sha256: str
    warnings: tuple[str, ...]


def build_submission(
    prediction: Path,
    out: Path,
    *,
    images: Path | None = None,
    truth_ids: Path | None = None,
    workers: int | None = None,
) -> Submission:
    """Check a folder of task 1 masks and write the zip the challenge takes.

    Masks are encoded anew: whatever else a PNG carried (comments, EXIF) stays behind. Checked
    are names, that no mask is missing, extra or doubled, format, depth, channels, the values
    0 and 255, and the size of the photograph.

    Args:
        prediction: Folder of ``ISIC_<7 digits>_segmentation.png``.
        out: The zip to write; an older one is replaced only by a good one.
        images: Folder of the photographs, which tells ids and sizes.
        truth_ids: Text file with one image_id a line, where the photographs are not at hand.
        workers: Threads; by default one per core, at most 8.

    Raises:
        SubmissionError: Something would be refused or score zero; `problems` lists all.
        UsageError: A path does not exist, or both `images` and `truth_ids` are given.
        DiskFullError: No space is left for the zip.
    """
    if out.suffix.lower() != ".zip":
        raise UsageError(f"{out} does not end in .zip")
    if not prediction.is_dir():
        raise UsageError(f"{prediction} is not a folder; expected the masks")
    photographs = _find_expected(images, truth_ids)
    findings = MaskFindings()
    masks = _sort_names(prediction, findings)
    _compare_ids(masks, photographs, findings)
    checked = _check_masks(masks, photographs or {}, workers)
    problems = findings.problems + [text for one in checked.values() for text in one.problems]
    if problems:
        raise _make_error(prediction, problems)
    archive = _pack({name: one.data for name, one in checked.items()})
    write_result(out, archive)
    _read_back(out, checked)
    warnings = findings.warnings + [text for one in checked.values() for text in one.warnings]
    return Submission(out, len(checked), hashlib.sha256(archive).hexdigest(), tuple(warnings))


def _find_expected(images: Path | None, truth_ids: Path | None) -> dict[str, Path | None] | None:
    if images is not None and truth_ids is not None:
        raise UsageError("--images and --truth-ids exclude each other", hint="--images tells more")
    if images is not None:
        photographs = find_photographs(images)
        expected = {key: path for key, path in photographs.items() if _IMAGE_ID.fullmatch(key)}
        if not expected:
            raise UsageError(f"{images} holds no photograph named ISIC_<7 digits>")
        return dict(expected)
    return dict.fromkeys(_read_ids(truth_ids)) if truth_ids is not None else None


def _read_ids(path: Path) -> list[str]:
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


def _sort_names(folder: Path, findings: MaskFindings) -> dict[str, Path]:
    """Return image_id -> mask; note every entry that is none."""
    masks: dict[str, Path] = {}
    strays: list[str] = []
    for path in sorted(folder.iterdir()):
        found = _MASK_NAME.fullmatch(path.name)
        if path.is_dir():
            findings.problems.append(f"{path.name!r} is a folder; the masks must lie side by side")
        elif path.name.startswith("."):
            findings.problems.append(f"{path.name!r} is a hidden file; delete it")
        elif found:
            masks[found.group(1)] = path
        elif _NUMBER.search(path.name) or path.suffix.lower() == ".png":
            findings.problems.append(
                f"{path.name!r} is not named like ISIC_0000001_segmentation.png"
            )
        else:
            strays.append(path.name)
    if strays:
        findings.warnings.append(f"left out, no masks: {', '.join(map(repr, strays))}")
    return masks


def _compare_ids(
    masks: Mapping[str, Path], photographs: Mapping[str, Path | None] | None, findings: MaskFindings
) -> None:
    if not masks:
        findings.problems.append("there is no mask")
    if photographs is None:
        findings.warnings.append(
            "missing masks and sizes were not checked: neither --images nor --truth-ids is given"
        )
        return
    if all(path is None for path in photographs.values()):
        findings.warnings.append("sizes were not checked: --images is not given")
    for image_id in sorted(photographs.keys() - masks.keys()):
        findings.problems.append(f"{segmentation_name(image_id)} is missing")
    for image_id in sorted(masks.keys() - photographs.keys()):
        findings.problems.append(f"{masks[image_id].name} is extra: no such photograph")


def _check_masks(
    masks: Mapping[str, Path], photographs: Mapping[str, Path | None], workers: int | None
) -> dict[str, MaskFindings]:
    paths = [masks[image_id] for image_id in sorted(masks)]
    expected = [photographs.get(image_id) for image_id in sorted(masks)]
    number = workers or min(os.cpu_count() or 1, 8)
    # Readers silence Pillow's warnings one by one; threads doing so undo each other's restoring.
    with warnings.catch_warnings(), ThreadPoolExecutor(number) as pool:
        findings = pool.map(check_mask, paths, expected)
        return {path.name: one for path, one in zip(paths, findings, strict=True)}


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


def _make_error(prediction: Path, problems: Iterable[str]) -> SubmissionError:
    found = list(problems)
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return SubmissionError(
        f"{prediction} cannot be submitted, {len(found)} problems: "
        f"{'; '.join(found[:_SHOWN])}{more}",
        problems=found,
    )
