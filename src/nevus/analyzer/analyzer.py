"""The packaged networks and all measures, composed to one answer per photograph."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nevus.analysis.dermoscopy import dermoscopy_score, is_dermoscopy, load_model
from nevus.analysis.lesion import check_scale, measure_lesion
from nevus.analysis.quality import QualityFlag, assess_photograph, assess_quality
from nevus.analysis.results import Analysis, AttributeAnswer, Dermoscopy, DiagnosisAnswer, Size
from nevus.analyzer import answers
from nevus.analyzer.analyzed import Analyzed, Copy
from nevus.analyzer.conformal import check_coverage
from nevus.analyzer.enlarging import EnlargedMasks, enlarge_mask
from nevus.analyzer.evidence import place_evidence
from nevus.analyzer.sources import Opened, Source, open_source
from nevus.errors import UsageError
from nevus.imaging.drawing import fit_within
from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.imaging.memory import make_room_for
from nevus.imaging.resizing import centre_window
from nevus.labels import ATTRIBUTES
from nevus.models.gallery import Neighbour
from nevus.runtime.networks import Examination, Networks, load_networks
from nevus.runtime.zoo import ModelCard

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

WORKING_SIDE: Final = 1024
"""Larger photographs are looked at in a copy of this long side, and their masks enlarged: networks
see a few hundred pixels of it, and memory stays bounded."""

MOST_SIMILAR: Final = 100
"""Training cases that can be named."""


class Analyzer:
    """Everything that one photograph is asked.

    Loading takes a moment and each photograph then less; make one and keep it. Threads may share
    it: nothing changes after loading.

    Args:
        models: A folder of exported models; None for those that ship.
        threads: For the views of one photograph.
        coverage: Share of cases whose diagnosis a conformal set shall hold, in (0, 1).
        similar: How many training cases to name, 0 to `MOST_SIMILAR`.
        mm_per_pixel: Scale of the photographs, None where unknown.
        limits: What is refused before decoding.
        evidence: Also say where in the photograph the diagnosis's evidence lies.
        networks: Loaded ones, instead of those of `models`.

    Raises:
        ZooError: Models are missing, damaged or foreign.
        UsageError: A number is out of range.
    """

    def __init__(
        self,
        models: Path | str | None = None,
        *,
        threads: int = 2,
        coverage: float = 0.9,
        similar: int = 5,
        mm_per_pixel: float | None = None,
        limits: Limits = DEFAULT_LIMITS,
        evidence: bool = False,
        networks: Networks | None = None,
    ) -> None:
        check_options(coverage=coverage, similar=similar, mm_per_pixel=mm_per_pixel)
        self.coverage = coverage
        self.similar = similar
        self.mm_per_pixel = mm_per_pixel
        self.limits = limits
        self.evidence = evidence
        self.networks = (
            load_networks(
                None if models is None else Path(models), threads=threads, similar=similar
            )
            if networks is None
            else networks
        )

    @property
    def cards(self) -> Mapping[str, ModelCard]:
        """The model behind each task."""
        return self.networks.cards

    def warm_up(self) -> None:
        """Run every network once, so that the first photograph takes no longer than others."""
        self.networks.warm_up()

    def analyze(
        self, source: Source, *, name: str | None = None, mm_per_pixel: float | None = None
    ) -> Analyzed:
        """Return everything nevus says about one photograph.

        Args:
            source: A file, a file's bytes, or (H, W, 3) uint8 RGB pixels.
            name: What to call it; None for the file's name, or ``photograph``.
            mm_per_pixel: Of this photograph; None for the analyser's own.

        Raises:
            ImageError: The photograph is missing, foreign, too large, damaged or cut off.
            UsageError: The scale is not a positive number.
        """
        scale = self.mm_per_pixel if mm_per_pixel is None else mm_per_pixel
        check_scale(scale)
        opened = open_source(source, name, self.limits)
        small = fit_within(opened.photograph.pixels, WORKING_SIDE)
        # Decoding leaves a whole photograph's worth, which networks side by side would come atop.
        make_room_for(opened.photograph.pixels)
        view = self._look(small)
        # Each thread of the networks keeps what its layers needed.
        make_room_for(opened.photograph.pixels)
        return self._compose(opened, view, scale)

    def _look(self, small: Pixels) -> "_View":
        # These need no network, and processors that networks leave idle.
        compute = self.networks.threads.compute
        faults = compute(lambda: assess_photograph(small))
        score = compute(lambda: dermoscopy_score(small))
        return _View(small, self.networks.examine(small), score(), faults())

    def _compose(self, opened: Opened, view: "_View", scale: float | None) -> Analyzed:
        pixels = opened.photograph.pixels
        size = (pixels.shape[0], pixels.shape[1])
        seen_lesion, seen_attributes = self._find_lesion(view), self._find_attributes(view)
        is_smaller = view.pixels is not pixels
        lesion = None if seen_lesion is None else enlarge_mask(seen_lesion, size)
        attributes = EnlargedMasks(seen_attributes, size) if is_smaller else seen_attributes
        analysis = Analysis(
            image=opened.name,
            size=Size(height=size[0], width=size[1]),
            warnings=opened.photograph.warnings,
            quality=assess_quality(
                view.pixels, seen_lesion, known=view.faults, window=self._find_window(view)
            ),
            dermoscopy=Dermoscopy(
                score=view.score,
                threshold=load_model().threshold,
                is_dermoscopy=view.is_dermoscopy,
            ),
            segmentation=None
            if lesion is None
            else answers.make_segmentation(lesion, self.cards["segmentation"]),
            attributes=self._answer_attributes(view, attributes),
            diagnosis=self._answer_diagnosis(view),
            abcd=None if lesion is None else measure_lesion(pixels, lesion, mm_per_pixel=scale),
            similar=answers.list_similar(view.near[: self.similar]),
            models=answers.list_models(self.cards.values()),
        )
        return Analyzed(
            analysis=analysis,
            pixels=pixels,
            orientation=opened.photograph.orientation,
            lesion=lesion,
            attributes=attributes,
            probability=view.found.lesion,
            evidence=self._place_evidence(view, analysis.diagnosis, size),
            seen=Copy(view.pixels, seen_lesion, seen_attributes) if is_smaller else None,
        )

    def _find_window(self, view: "_View") -> tuple[slice, slice] | None:
        """Return the part that the diagnosis network sees, None for all or no network."""
        card = self.cards.get("diagnosis")
        if card is None or card.preparation.fit != "crop":
            return None
        height, width = view.pixels.shape[:2]
        return centre_window((height, width), card.preparation.size)

    def _find_lesion(self, view: "_View") -> Mask | None:
        segmentor = self.networks.segmentor
        if segmentor is None or view.found.lesion is None:
            return None
        return segmentor.finish(view.found.lesion, view.pixels)

    def _find_attributes(self, view: "_View") -> dict[str, Mask]:
        attributor, maps = self.networks.attributor, view.found.attributes
        if attributor is None or maps is None:
            return {}
        masks = attributor.rules.apply(maps.maps, maps.presences)
        return dict(zip(ATTRIBUTES, masks, strict=True))

    def _answer_attributes(
        self, view: "_View", masks: Mapping[str, Mask]
    ) -> dict[str, AttributeAnswer]:
        maps = view.found.attributes
        return {} if maps is None else answers.make_attributes(masks, maps.presences)

    def _answer_diagnosis(self, view: "_View") -> DiagnosisAnswer | None:
        diagnoser, found = self.networks.diagnoser, view.found.diagnosis
        if diagnoser is None or found is None:
            return None
        if not view.is_dermoscopy:
            return answers.abstain(answers.NO_DERMOSCOPY)
        return answers.make_diagnosis(found.probabilities, diagnoser.calibration, self.coverage)

    def _place_evidence(
        self, view: "_View", answer: DiagnosisAnswer | None, size: tuple[int, int]
    ) -> dict[str, NDArray[np.float32]]:
        found = view.found.diagnosis
        if not self.evidence or found is None or found.evidence is None:
            return {}
        likely = None if answer is None else answer.most_likely
        if answer is None or likely is None:
            return {}
        preparation = self.cards["diagnosis"].preparation
        names = answer.conformal_set or (likely,)
        return place_evidence(found.evidence, preparation, size, names)


def check_options(*, coverage: float, similar: int, mm_per_pixel: float | None) -> None:
    """Refuse options that are out of range, before any model is loaded.

    Raises:
        UsageError: One is.
    """
    check_coverage(coverage)
    check_scale(mm_per_pixel)
    if not 0 <= similar <= MOST_SIMILAR:
        raise UsageError(f"{similar} similar cases, expected 0 to {MOST_SIMILAR}")


@dataclass(frozen=True)
class _View:
    """What is looked at, and what was seen there."""

    pixels: Pixels
    found: Examination
    score: float
    faults: tuple[QualityFlag, ...]

    @property
    def is_dermoscopy(self) -> bool:
        return is_dermoscopy(self.score)

    @property
    def near(self) -> tuple[Neighbour, ...]:
        """Similar cases; none where they would tell a diagnosis that is not given."""
        found = self.found.diagnosis
        return found.similar if found is not None and self.is_dermoscopy else ()
