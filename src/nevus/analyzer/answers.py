"""What networks say, as the parts of an answer."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nevus.analysis.quality import touches_border
from nevus.analysis.results import (
    AttributeAnswer,
    Calibration,
    DiagnosisAnswer,
    ModelUsed,
    SegmentationAnswer,
    SimilarCase,
)
from nevus.analyzer.conformal import conformal_set
from nevus.imaging.cells import clean_name
from nevus.labels import ATTRIBUTES, DIAGNOSES
from nevus.models.gallery import Neighbour
from nevus.runtime.zoo import ModelCard

Mask = NDArray[np.bool_]

NO_DERMOSCOPY: Final = (
    "This does not look like a dermoscopy, so nothing is said about the diagnosis."
)
_ISIC: Final = re.compile(r"ISIC_\d{7}")


def make_segmentation(mask: Mask, card: ModelCard) -> SegmentationAnswer:
    """Return the answer of task 1 for a (H, W) mask."""
    return SegmentationAnswer(
        file=None,
        area_share=float(mask.mean()),
        empty=not mask.any(),
        touches_border=touches_border(mask),
        model=card.name,
    )


def make_attributes(
    masks: Mapping[str, Mask], presences: NDArray[np.float64]
) -> dict[str, AttributeAnswer]:
    """Return the answers of task 2: an attribute is present where its mask has a pixel."""
    found = {}
    for place, name in enumerate(ATTRIBUTES):
        share = float(masks[name].mean())
        found[name] = AttributeAnswer(
            file=None, present=share > 0, probability=float(presences[place]), area_share=share
        )
    return found


def abstain(reason: str) -> DiagnosisAnswer:
    """Return the answer of task 3 that says nothing."""
    return DiagnosisAnswer(probabilities=None, calibrated=False, abstained=True, reason=reason)


def make_diagnosis(
    probabilities: NDArray[np.float64], known: Mapping[str, Any] | None, coverage: float
) -> DiagnosisAnswer:
    """Return the answer of task 3.

    Args:
        probabilities: (7,), summing to 1.
        known: `ModelCard.calibration`; without it there are numbers, but no set.
        coverage: Of the set.
    """
    values = (float(value) for value in probabilities)
    by_name = dict(zip(DIAGNOSES, values, strict=True))
    if not known or not known["n"]:
        return DiagnosisAnswer(probabilities=by_name, calibrated=False, abstained=False)
    return DiagnosisAnswer(
        probabilities=by_name,
        calibrated=True,
        calibration=Calibration(
            n=known["n"],
            ece=float(known["ece"]),
            temperature=float(known["temperature"]),
            split=str(known.get("split", "photographs the model was not trained on")),
        ),
        conformal_set=conformal_set(probabilities, known["scores"], coverage),
        coverage=coverage,
        abstained=False,
    )


def list_similar(near: Iterable[Neighbour]) -> tuple[SimilarCase, ...]:
    """Return training cases with where to look them up."""
    return tuple(
        SimilarCase(
            image_id=clean_name(one.image_id),
            diagnosis=one.diagnosis,
            distance=one.distance,
            link_text=_say_where(one.image_id),
        )
        for one in near
    )


def list_models(cards: Iterable[ModelCard]) -> tuple[ModelUsed, ...]:
    """Return each model once, in the order of tasks."""
    once = {card.sha256: card for card in cards}
    return tuple(
        ModelUsed(
            name=card.name,
            task=card.task,
            sha256=card.sha256,
            licence=_tell(card.about, "licence"),
            training_data=_tell(card.about, "training_data", "data"),
        )
        for card in once.values()
    )


def _say_where(image_id: str) -> str:
    if _ISIC.fullmatch(image_id):
        return f"look up {image_id} in the ISIC Archive, isic-archive.com"
    return f"{clean_name(image_id)} of the training data"


def _tell(about: Mapping[str, Any], *keys: str) -> str:
    """Return the first of some facts that is a text."""
    found = [about[key] for key in keys if isinstance(about.get(key), str) and about[key]]
    return found[0] if found else "not stated"
