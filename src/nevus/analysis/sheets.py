"""What a report shows of one photograph, as JSON values: made once, kept, put on a page later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.analysis import readout
from nevus.analysis.pictures import (
    link_evidence,
    link_layers,
    link_photograph,
    link_similar,
    link_thumbnail,
)
from nevus.analysis.results import Analysis
from nevus.imaging.drawing import fit_within
from nevus.labels import NOTICE

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Sheet = dict[str, Any]


@dataclass(frozen=True)
class ReportEntry:
    """One photograph of a report.

    Attributes:
        analysis: The answer.
        pixels: (H, W, 3) uint8, RGB; only a smaller, newly encoded copy reaches the page.
        lesion: (H, W) bool, None where no mask was made.
        attributes: Name to (H, W) bool.
        similar: image_id of a similar case to its pixels, where the user has the data set.
        evidence: Diagnosis to (h, w) float32, a coarse map of the whole photograph.
    """

    analysis: Analysis
    pixels: Pixels
    lesion: Mask | None = None
    attributes: Mapping[str, Mask] = field(default_factory=dict)
    similar: Mapping[str, Pixels] = field(default_factory=dict)
    evidence: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def make_sheet(entry: ReportEntry, long_side: int) -> Sheet:
    """Return one photograph's part of a page.

    Args:
        entry: The photograph and its answer.
        long_side: Of the pictures, pixels; about 100 kB in all at 640.

    Raises:
        ValueError: A mask differs in size from its photograph.
    """
    answer = entry.analysis
    _check_sizes(entry)
    small = fit_within(entry.pixels, long_side)
    layers = list(link_layers(entry.lesion, entry.attributes, long_side))
    lesion = readout.describe_lesion(answer)
    return {
        "name": answer.image,
        # What its files are called, where that does not follow from the name.
        "files": "",
        "size": f"{answer.size.width} × {answer.size.height} pixels",
        "photograph": link_photograph(small),
        "alt": f"Photograph {answer.image}. {lesion}",
        "lesion": lesion,
        "layers": layers,
        # The outline lies above the rest, but stands first in the list.
        "controls": sorted(layers, key=lambda layer: layer["name"] != "lesion"),
        "thumbnail": link_thumbnail(small, entry.lesion),
        "findings": readout.list_findings(answer),
        "badges": readout.list_badges(answer),
        "diagnosis": readout.describe_diagnosis(answer.diagnosis),
        "attributes": readout.list_attributes(answer),
        "evidence": list(link_evidence(small, entry.evidence)),
        "measures": readout.list_measures(answer.abcd),
        "similar": [link_similar(row, entry.similar) for row in readout.list_similar(answer)],
        "counted": _count(answer),
        # Printed sheets are taken apart: each has the sentence.
        "notice": NOTICE,
    }


def _count(answer: Analysis) -> Sheet:
    """Return what the page's head and end say about all photographs together."""
    return {
        "no_dermoscopy": answer.dermoscopy is not None and not answer.dermoscopy.is_dermoscopy,
        "empty": answer.segmentation is not None and answer.segmentation.empty,
        "models": [model.model_dump() for model in answer.models],
    }


def _check_sizes(entry: ReportEntry) -> None:
    for name, mask in (("lesion", entry.lesion), *entry.attributes.items()):
        if mask is not None and mask.shape != entry.pixels.shape[:2]:
            raise ValueError(
                f"{entry.analysis.image}: {name} is {mask.shape}, "
                f"photograph {entry.pixels.shape[:2]}"
            )
