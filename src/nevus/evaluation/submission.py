"""A folder of masks, checked as strictly as the challenge needs, turned into one zip."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nevus.errors import UsageError
from nevus.evaluation.inspection import MaskFindings
from nevus.evaluation.packing import (
    Submission,
    check_masks,
    find_expected,
    make_error,
    write_submission,
)
from nevus.labels import PREDICTED_NAME, segmentation_name

_MASK_NAME: Final = re.compile(r"(ISIC_[0-9]{7})_segmentation\.png")
_NUMBER: Final = re.compile(r"[0-9]{7}")


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
    photographs = find_expected(images, truth_ids)
    findings = MaskFindings()
    masks = _sort_names(prediction, findings)
    _compare_ids(masks, photographs, findings)
    known = photographs or {}
    checked = check_masks([(masks[i], known.get(i)) for i in sorted(masks)], workers)
    problems = findings.problems + [text for one in checked.values() for text in one.problems]
    if problems:
        raise make_error(prediction, problems)
    return write_submission(out, checked, len(checked), findings.warnings)


def _sort_names(folder: Path, findings: MaskFindings) -> dict[str, Path]:
    """Return image_id -> mask; note every entry that is none."""
    masks: dict[str, Path] = {}
    strays: list[str] = []
    misnamed: list[str] = []
    for path in sorted(folder.iterdir()):
        found = _MASK_NAME.fullmatch(path.name)
        if path.is_dir():
            findings.problems.append(f"{path.name!r} is a folder; the masks must lie side by side")
        elif path.name.startswith("."):
            findings.problems.append(f"{path.name!r} is a hidden file; delete it")
        elif found:
            masks[found.group(1)] = path
        elif _NUMBER.search(path.name) or path.suffix.lower() == ".png":
            misnamed.append(f"{path.name!r} is not named like ISIC_0000001_segmentation.png")
        elif path.name != PREDICTED_NAME:
            strays.append(path.name)
    if misnamed and not masks:
        misnamed = [
            f"none of {len(misnamed)} files is named like ISIC_0000001_segmentation.png; a "
            "challenge takes masks of its own photographs alone, as nevus predict writes them"
        ]
    findings.problems += misnamed
    if strays:
        findings.warnings.append(f"left out, no masks: {', '.join(map(repr, strays))}")
    return masks


def _compare_ids(
    masks: Mapping[str, Path], photographs: Mapping[str, Path | None] | None, findings: MaskFindings
) -> None:
    if not masks:
        if not findings.problems:
            findings.problems.append("there is no mask")
        return
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
