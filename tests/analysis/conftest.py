"""A whole answer with everything in it."""

from typing import Any

import pytest

from nevus.analysis.lesion import Abcd
from nevus.analysis.quality import QualityFlag
from nevus.analysis.results import (
    Analysis,
    AttributeAnswer,
    Calibration,
    Dermoscopy,
    DiagnosisAnswer,
    ModelUsed,
    SegmentationAnswer,
    SimilarCase,
    Size,
)
from nevus.labels import ATTRIBUTES, DIAGNOSES

PROBABILITIES = (0.31, 0.04, 0.02, 0.03, 0.55, 0.03, 0.02)


def build_answer(**changes: Any) -> Analysis:
    """Return a whole answer for ``photo.jpg``, 60 x 80, with parts replaced."""
    parts: dict[str, Any] = {
        "image": "photo.jpg",
        "size": Size(height=60, width=80),
        "warnings": ("grey, no colours",),
        "quality": (
            QualityFlag(
                code="blur", severity="warning", value=-2.0, threshold=-1.35, text="It is blurred."
            ),
        ),
        "dermoscopy": Dermoscopy(score=0.97, threshold=0.5, is_dermoscopy=True),
        "segmentation": SegmentationAnswer(
            file="photo_segmentation.png",
            area_share=0.25,
            empty=False,
            touches_border=False,
            model="segmentation",
        ),
        "attributes": {
            name: AttributeAnswer(
                file=f"photo_attribute_{name}.png",
                present=name == "globules",
                probability=0.8 if name == "globules" else 0.1,
                area_share=0.05 if name == "globules" else 0.0,
            )
            for name in ATTRIBUTES
        },
        "diagnosis": DiagnosisAnswer(
            probabilities=dict(zip(DIAGNOSES, PROBABILITIES, strict=True)),
            calibrated=True,
            calibration=Calibration(n=10015, ece=0.021, temperature=1.3, split="5 folds"),
            conformal_set=("BKL", "MEL"),
            coverage=0.9,
            abstained=False,
        ),
        "abcd": Abcd(
            empty=False,
            area_share=0.25,
            area_pixels=1200,
            asymmetry_major=0.1,
            asymmetry_minor=0.2,
            asymmetry=0.15,
            compactness=1.3,
            solidity=0.93,
            perimeter_pixels=140.0,
            colour_shares={"light_brown": 0.7, "dark_brown": 0.2},
            colours=("light_brown", "dark_brown"),
            colours_corrected=True,
            feret_pixels=45.0,
            equal_area_pixels=39.1,
        ),
        "similar": (
            SimilarCase(
                image_id="ISIC_0024306",
                diagnosis="NV",
                distance=0.31,
                link_text="ISIC Archive, ISIC_0024306",
            ),
        ),
        "models": (
            ModelUsed(
                name="diagnosis-compact",
                task="diagnosis",
                sha256="0" * 64,
                licence="CC-BY-NC 4.0",
                training_data="HAM10000",
            ),
        ),
    }
    return Analysis(**(parts | changes))


@pytest.fixture
def answer() -> Analysis:
    return build_answer()


@pytest.fixture
def make_answer() -> Any:
    return build_answer


@pytest.fixture
def silent_answer() -> Analysis:
    """No dermoscopy, nothing found."""
    return build_answer(
        dermoscopy=Dermoscopy(score=0.02, threshold=0.5, is_dermoscopy=False),
        segmentation=SegmentationAnswer(
            file=None, area_share=0.0, empty=True, touches_border=False, model="segmentation"
        ),
        attributes={},
        diagnosis=DiagnosisAnswer(
            probabilities=None, calibrated=False, abstained=True, reason="It is no dermoscopy."
        ),
        abcd=Abcd(empty=True, area_share=0.0, area_pixels=0),
        similar=(),
    )
