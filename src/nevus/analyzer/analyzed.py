"""What became of one photograph: the answer, its pixels and its masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nevus.analysis.report import ReportEntry, render_report
from nevus.analysis.results import Analysis

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Copy:
    """A photograph and its masks at the size they were looked at.

    Attributes:
        pixels: (h, w, 3) uint8, RGB.
        lesion: (h, w) bool, or None.
        attributes: Name to (h, w) bool.
    """

    pixels: Pixels
    lesion: Mask | None
    attributes: Mapping[str, Mask]


@dataclass(frozen=True)
class Analyzed:
    """One analysed photograph; all arrays lie in the stored pixel frame.

    Attributes:
        analysis: The answer.
        pixels: (H, W, 3) uint8, RGB.
        orientation: EXIF orientation, 1 to 8: not applied, nothing is turned.
        lesion: (H, W) bool, empty where none was found; None where no such model ran.
        attributes: Name to (H, W) bool, all five; empty where no such model ran. Those of a large
            photograph are made when asked for.
        probability: (h, w) float32, the lesion's map before post-processing, of the photograph or
            of a smaller copy of it; None where no such model ran.
        evidence: Diagnosis to (H', W') float32, what each place adds to that diagnosis's logit, a
            coarse map of the whole photograph; empty where not asked for, not known or abstained.
        seen: The smaller copy of a large photograph that was looked at; None for others.
    """

    analysis: Analysis
    pixels: Pixels
    orientation: int
    lesion: Mask | None = None
    attributes: Mapping[str, Mask] = field(default_factory=dict)
    probability: Floats | None = None
    evidence: Mapping[str, Floats] = field(default_factory=dict)
    seen: Copy | None = None

    def __repr__(self) -> str:
        answer = self.analysis
        size = f"{answer.size.width} x {answer.size.height} pixels"
        return f"<Analyzed {answer.image}, {size}: .analysis, .lesion, .attributes, .overlay()>"

    def overlay(self) -> Pixels:
        """Return the photograph with outline, hatched attributes and a legend below, uint8.

        Of a large photograph, the smaller copy: an overlay is looked at, not measured on.
        """
        from nevus.analysis.overlay import draw_overlay

        seen = self._choose_copy()
        lesion = np.zeros(seen.pixels.shape[:2], bool) if seen.lesion is None else seen.lesion
        return draw_overlay(seen.pixels, lesion, seen.attributes)

    def to_json(self) -> str:
        """Return the answer as JSON by the published schema."""
        return self.analysis.to_json()

    def report(self, *, similar: Mapping[str, Pixels] | None = None) -> str:
        """Return the self-contained HTML page about this photograph; no file is touched.

        Args:
            similar: image_id of a similar case to its pixels, where the user has the data set.
        """
        return render_report([self.to_entry(similar)], self.analysis.image)

    def to_entry(self, similar: Mapping[str, Pixels] | None = None) -> ReportEntry:
        """Return this photograph as a report tells of it."""
        seen = self._choose_copy()
        return ReportEntry(
            analysis=self.analysis,
            pixels=seen.pixels,
            lesion=seen.lesion,
            attributes=seen.attributes,
            similar=similar or {},
            evidence=self.evidence,
        )

    def _choose_copy(self) -> Copy:
        return self.seen or Copy(self.pixels, self.lesion, self.attributes)
