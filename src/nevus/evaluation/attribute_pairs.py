"""Truth, predictions and presences of task 2, folder or zip, joined by name."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nevus.data.attribute_masks import (
    ATTRIBUTE_FOLDERS,
    MARK,
    describe_unknown,
    find_newest_truth,
)
from nevus.data.records import OFFICIAL_PARTS, find_named_folder
from nevus.errors import ImageError, UsageError
from nevus.evaluation.pairs import MaskFile
from nevus.labels import ATTRIBUTES, IMAGE_SUFFIXES

PRESENCES_NAME: Final = "presences.json"
"""What `nevus predict attributes` writes beside the masks."""

Key = tuple[str, str]
"""(image_id, attribute)"""


@dataclass(frozen=True)
class AttributePairing:
    """What two folders of attribute masks have in common, and what forbids scoring.

    Attributes:
        image_ids: Photographs with five truths and five predictions, sorted.
        truths: (image_id, attribute) -> file.
        predictions: The same of the other side.
        left_out: image_ids of the truth without a prediction.
        strangers: image_ids of predictions without a truth.
        problems: One sentence each.
    """

    image_ids: tuple[str, ...]
    truths: Mapping[Key, MaskFile]
    predictions: Mapping[Key, MaskFile]
    left_out: tuple[str, ...]
    strangers: tuple[str, ...]
    problems: tuple[str, ...]

    def list_pairs(self) -> list[tuple[MaskFile, MaskFile]]:
        """Return truth and prediction, photograph by photograph, in the order of `ATTRIBUTES`."""
        keys = [(image_id, name) for image_id in self.image_ids for name in ATTRIBUTES]
        return [(self.truths[key], self.predictions[key]) for key in keys]


def pair_attributes(
    truth: Sequence[MaskFile], prediction: Sequence[MaskFile], *, subset: bool = False
) -> AttributePairing:
    """Join files named ``<image_id>_attribute_<name>.png``, listing everything that does not fit.

    Args:
        truth: Files of one side; what is no picture is passed over.
        prediction: Of the other.
        subset: Photographs without any prediction, and predictions without truth, are no problem.
    """
    problems: list[str] = []
    truths = _index(truth, "truth", problems)
    found = _index(prediction, "prediction", problems)
    wanted = sorted({image_id for image_id, _ in truths})
    predicted = {image_id for image_id, _ in found}
    left_out = tuple(image_id for image_id in wanted if image_id not in predicted)
    strangers = tuple(sorted(predicted - set(wanted)))
    if not subset:
        problems += [f"{image_id} has no prediction" for image_id in left_out]
        problems += [f"{image_id} has predictions and no truth" for image_id in strangers]
    both = [image_id for image_id in wanted if image_id in predicted]
    lacking = [*_find_lacking(wanted, truths, "truth"), *_find_lacking(both, found, "prediction")]
    problems += sorted(lacking)
    return AttributePairing(tuple(both), truths, found, left_out, strangers, tuple(problems))


def find_attribute_truth(root: Path) -> Path:
    """Return the task 2 ground-truth folder of a data root, or `root` where it is no data root.

    Of several publications of one part the newest, as training takes it.

    Raises:
        UsageError: The data root holds those of several parts.
    """
    for base in (root, root / "isic2018"):
        newest = [path for part in OFFICIAL_PARTS if (path := find_newest_truth(base, part))]
        if len(newest) > 1:
            names = ", ".join(path.name for path in newest)
            raise UsageError(f"{base} holds several truth folders: {names}; name one of them")
        if newest:
            return newest[0]
    named = find_named_folder(root, ATTRIBUTE_FOLDERS) if root.is_dir() else None
    return named or root


def read_presences(
    files: Sequence[MaskFile], image_ids: Sequence[str], problems: list[str]
) -> npt.NDArray[np.float64] | None:
    """Return (N, 5) probabilities of being there at all, or None where no file tells them.

    Args:
        files: Of the predictions, among them perhaps ``presences.json``.
        image_ids: N photographs.
        problems: Gets a sentence for everything wrong with the file.
    """
    file = next((file for file in files if file.name == PRESENCES_NAME), None)
    if file is None:
        return None
    known = len(problems)
    rows = _load_rows(file, problems)
    if len(problems) > known:
        return None
    lacking = [image_id for image_id in image_ids if image_id not in rows]
    if lacking:
        # Leaving presences out without a word would look like a network that tells none.
        problems.append(
            f"{PRESENCES_NAME} lacks {len(lacking)} scored photographs, such as {lacking[0]}; "
            "predict them together, or delete the file"
        )
        return None
    faults = [text for i in image_ids for text in _check_row(i, rows[i])]
    problems += faults
    if faults:
        return None
    return np.array([[rows[i][name] for name in ATTRIBUTES] for i in image_ids], np.float64)


def _index(files: Sequence[MaskFile], side: str, problems: list[str]) -> dict[Key, MaskFile]:
    index: dict[Key, MaskFile] = {}
    for file in files:
        suffix = PurePosixPath(file.name).suffix.lower()
        if suffix not in IMAGE_SUFFIXES or file.name.startswith("."):
            continue
        image_id, mark, name = file.stem.partition(MARK)
        if not mark:
            problems.append(f"{side} {file.name!r} is not named <image_id>{MARK}<name>.png")
        elif name not in ATTRIBUTES:
            problems.append(f"{side} {file.name!r}: {describe_unknown(name)}")
        elif (image_id, name) in index:
            problems.append(f"{image_id} has several {side}s of {name}, such as {file.name!r}")
        else:
            index[(image_id, name)] = file
    return index


def _find_lacking(
    image_ids: Sequence[str], masks: Mapping[Key, MaskFile], side: str
) -> Iterator[str]:
    for image_id in image_ids:
        lacking = [name for name in ATTRIBUTES if (image_id, name) not in masks]
        if lacking:
            yield f"{image_id} has no {side} of {', '.join(lacking)}"


def _load_rows(file: MaskFile, problems: list[str]) -> Mapping[str, Any]:
    try:
        source = file.open()
        data = source.read_bytes() if isinstance(source, Path) else source
        document = json.loads(data)
    except (OSError, ValueError, RecursionError, ImageError) as error:
        problems.append(f"{PRESENCES_NAME} cannot be read: {error}")
        return {}
    rows = document.get("presences") if isinstance(document, dict) else None
    if not isinstance(rows, dict):
        problems.append(f"{PRESENCES_NAME} holds no table 'presences'")
        return {}
    return rows


def _check_row(image_id: str, row: Any) -> Iterator[str]:
    if not isinstance(row, dict):
        yield f"{PRESENCES_NAME}: {image_id} is no table of attributes"
        return
    for name in ATTRIBUTES:
        value: Any = row.get(name)
        if type(value) not in (int, float) or not 0 <= value <= 1:
            yield f"{PRESENCES_NAME}: {image_id}, {name} is {value!r}, expected 0 to 1"
