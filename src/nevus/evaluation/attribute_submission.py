"""A folder of attribute masks, checked as strictly as the challenge needs, turned into one zip."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nevus.data.attribute_masks import describe_unknown
from nevus.errors import UsageError
from nevus.evaluation.inspection import MaskFindings
from nevus.evaluation.packing import (
    Submission,
    check_masks,
    find_expected,
    make_error,
    write_submission,
)
from nevus.labels import ATTRIBUTES, PREDICTED_NAME, attribute_name

_NAME: Final = re.compile(r"(ISIC_[0-9]{7})_attribute_(\w+)\.png")
_NUMBER: Final = re.compile(r"[0-9]{7}")
Masks = dict[str, dict[str, Path]]
"""image_id -> attribute -> mask."""


def build_attribute_submission(
    prediction: Path,
    out: Path,
    *,
    images: Path | None = None,
    truth_ids: Path | None = None,
    workers: int | None = None,
) -> Submission:
    """Check a folder of task 2 masks and write the zip the challenge takes.

    Masks are encoded anew: whatever else a PNG carried (comments, EXIF) stays behind. Checked are
    names, that each photograph has its five masks and none is extra, format, depth, channels, the
    values 0 and 255, and the size of the photograph.

    Args:
        prediction: Folder of ``ISIC_<7 digits>_attribute_<name>.png``.
        out: The zip to write; an older one is replaced only by a good one.
        images: Folder of the photographs, which tells ids and sizes.
        truth_ids: Text file with one image_id a line, where the photographs are not at hand.
        workers: Threads; by default one per core, at most 8.

    Returns:
        With `n` photographs, five masks each.

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
    _compare(masks, photographs, findings)
    known = photographs or {}
    paths = [
        (path, known.get(image_id))
        for image_id in sorted(masks)
        for _, path in sorted(masks[image_id].items())
    ]
    checked = check_masks(paths, workers, lesions=False)
    problems = findings.problems + [text for one in checked.values() for text in one.problems]
    if problems:
        raise make_error(prediction, problems)
    return write_submission(out, checked, len(masks), findings.warnings)


def _sort_names(folder: Path, findings: MaskFindings) -> Masks:
    masks: Masks = {}
    strays: list[str] = []
    for path in sorted(folder.iterdir()):
        found = _NAME.fullmatch(path.name)
        if path.is_dir():
            findings.problems.append(f"{path.name!r} is a folder; the masks must lie side by side")
        elif path.name.startswith("."):
            findings.problems.append(f"{path.name!r} is a hidden file; delete it")
        elif found and found[2] in ATTRIBUTES:
            masks.setdefault(found[1], {})[found[2]] = path
        elif found:
            findings.problems.append(f"{path.name!r}: {describe_unknown(found[2])}")
        elif _NUMBER.search(path.name) or path.suffix.lower() == ".png":
            findings.problems.append(
                f"{path.name!r} is not named like ISIC_0000001_attribute_streaks.png"
            )
        elif path.name != PREDICTED_NAME:
            strays.append(path.name)
    if strays:
        findings.warnings.append(f"left out, no masks: {', '.join(map(repr, strays))}")
    return masks


def _compare(
    masks: Masks, photographs: Mapping[str, Path | None] | None, findings: MaskFindings
) -> None:
    if not masks:
        findings.problems.append("there is no mask")
    for image_id in sorted(masks.keys() | (photographs or {}).keys()):
        if photographs is not None and image_id not in photographs:
            findings.problems.append(f"{image_id} is extra: no such photograph")
            continue
        for name in ATTRIBUTES:
            if name not in masks.get(image_id, {}):
                findings.problems.append(f"{attribute_name(image_id, name)} is missing")
    if photographs is None:
        findings.warnings.append(
            "missing photographs and sizes were not checked: neither --images nor --truth-ids "
            "is given"
        )
    elif all(path is None for path in photographs.values()):
        findings.warnings.append("sizes were not checked: --images is not given")
