"""The files about one photograph: masks, overlay, the report's sheet and, last, the answer."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from nevus.analysis.results import Analysis, read_analysis
from nevus.analysis.sheets import make_sheet
from nevus.analyzer.analyzed import Analyzed
from nevus.analyzer.naming import tell_stem
from nevus.imaging.drawing import encode_png
from nevus.imaging.files import write_atomically
from nevus.imaging.masks import write_mask
from nevus.labels import ATTRIBUTES, attribute_name, segmentation_name

KEPT: Final = ".nevus"
"""Folder inside the results: what an interrupted call needs to go on."""

SHEETS: Final = "sheets"
"""Folder inside that one: the report's part of each photograph."""


@dataclass(frozen=True)
class Wanted:
    """Which files to write about each photograph, besides its answer.

    Attributes:
        masks: The lesion's and the attributes' masks.
        overlay: The photograph with all of it drawn on.
        sheet: Long side of the report's pictures in pixels, 0 for no report.
    """

    masks: bool = True
    overlay: bool = False
    sheet: int = 640

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` gave."""
        return cls(**values)


def answer_path(out: Path, stem: str) -> Path:
    """Return where a photograph's answer stands."""
    return out / f"{stem}.json"


def sheet_path(out: Path, stem: str) -> Path:
    """Return where a photograph's part of the report is kept."""
    return out / KEPT / SHEETS / f"{stem}.json"


def list_possible(out: Path, stem: str) -> list[Path]:
    """Return the pictures that any call may write beside a photograph's answer."""
    attributes = [out / attribute_name(stem, name) for name in ATTRIBUTES]
    return [out / segmentation_name(stem), *attributes, out / f"{stem}_overlay.png"]


def remove_outputs(out: Path, stem: str) -> None:
    """Remove what an earlier call wrote about a photograph that cannot be analysed any more.

    The answer goes first: nothing is left that names a file which is not there.
    """
    for path in (answer_path(out, stem), *list_possible(out, stem), sheet_path(out, stem)):
        path.unlink(missing_ok=True)


def list_outputs(out: Path, stem: str, answer: Analysis, wanted: Wanted) -> list[Path]:
    """Return the files that must be there for a photograph to count as done."""
    paths = []
    if wanted.masks and answer.segmentation is not None:
        paths.append(out / segmentation_name(stem))
    if wanted.masks:
        paths += [out / attribute_name(stem, name) for name in answer.attributes]
    if wanted.overlay:
        paths.append(out / f"{stem}_overlay.png")
    if wanted.sheet:
        paths.append(sheet_path(out, stem))
    return paths


def write_outputs(
    found: Analyzed,
    stem: str,
    out: Path,
    wanted: Wanted,
    similar: Mapping[str, NDArray[np.uint8]] | None = None,
) -> Analysis:
    """Write everything about one photograph; its answer comes last and names the other files.

    Args:
        found: The analysed photograph.
        stem: Of all files' names.
        out: Folder, there already, with `KEPT` and its `SHEETS` inside.
        wanted: What to write; masks and overlay of an earlier call are written anew in any case.
        similar: Pictures of similar cases, for the report.

    Returns:
        The answer as written.

    Raises:
        DiskFullError: There is no room.
    """
    *masks, overlay = list_possible(out, stem)
    # What an earlier call wrote would else show another photograph, or another network's answer.
    with_masks = wanted.masks or any(path.exists() for path in masks)
    answer = name_files(found.analysis, stem) if with_masks else found.analysis
    if with_masks:
        _write_masks(found, stem, out)
        named = _list_files(answer)
        for path in masks:
            # Of networks that these models lack.
            if path.name not in named:
                path.unlink(missing_ok=True)
    if wanted.overlay or overlay.exists():
        write_atomically(overlay, encode_png(found.overlay()))
    if not wanted.sheet:
        sheet_path(out, stem).unlink(missing_ok=True)
    else:
        sheet = make_sheet(found.to_entry(similar), wanted.sheet)
        sheet["files"] = tell_stem(answer.image, stem)
        text = json.dumps(sheet, ensure_ascii=True, separators=(",", ":"))
        write_atomically(sheet_path(out, stem), text.encode())
    write_atomically(answer_path(out, stem), answer.to_json().encode())
    return answer


def name_files(answer: Analysis, stem: str) -> Analysis:
    """Return an answer that names its masks."""
    lesion = answer.segmentation
    changes: dict[str, Any] = {
        "attributes": {
            name: one.model_copy(update={"file": attribute_name(stem, name)})
            for name, one in answer.attributes.items()
        }
    }
    if lesion is not None:
        changes["segmentation"] = lesion.model_copy(update={"file": segmentation_name(stem)})
    return answer.model_copy(update=changes)


def _list_files(answer: Analysis) -> set[str | None]:
    """Return the masks that an answer names."""
    lesion = answer.segmentation
    return {one.file for one in answer.attributes.values()} | {lesion.file if lesion else None}


def read_answer(out: Path, stem: str) -> Analysis | None:
    """Return a photograph's answer, or None where there is no whole one."""
    try:
        return read_analysis(answer_path(out, stem).read_bytes())
    except (OSError, ValueError):
        return None


def read_sheet(out: Path, stem: str) -> dict[str, Any] | None:
    """Return a photograph's part of the report, or None where there is no whole one."""
    try:
        sheet = json.loads(sheet_path(out, stem).read_bytes())
    except (OSError, ValueError):
        return None
    return sheet if isinstance(sheet, dict) else None


def _write_masks(found: Analyzed, stem: str, out: Path) -> None:
    if found.lesion is not None:
        write_mask(out / segmentation_name(stem), found.lesion)
    for name in ATTRIBUTES:
        if name in found.attributes:
            write_mask(out / attribute_name(stem, name), found.attributes[name])
