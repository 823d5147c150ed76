"""Everything nevus says about one photograph, as one strict JSON object with a published schema.

``docs/schema/analysis-1.json`` is written from these classes and their docstrings by
`nevus.analysis.schema`. A change that an
older reader would stumble over makes it ``analysis-2``.
"""

import math
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from nevus import __version__
from nevus.analysis.finite import Finite
from nevus.analysis.lesion import Abcd
from nevus.analysis.quality import QualityFlag
from nevus.imaging.cells import clean_name
from nevus.labels import ATTRIBUTES, DIAGNOSES, NOTICE

FORMAT: Final = "nevus-analysis-1"
_SUM_WITHIN: Final = 1e-3


def _check_clean(name: str) -> str:
    if name != clean_name(name):
        raise ValueError("is not a clean base name; use clean_name")
    return name


def _check_diagnosis(name: str) -> str:
    if name not in DIAGNOSES:
        raise ValueError(f"is none of {', '.join(DIAGNOSES)}")
    return name


Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
CleanName = Annotated[str, AfterValidator(_check_clean)]
DiagnosisName = Annotated[
    str, AfterValidator(_check_diagnosis), Field(json_schema_extra={"enum": list(DIAGNOSES)})
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Size(Finite):
    """Of the photograph and every mask, as stored: EXIF orientation is not applied.

    Attributes:
        height: Pixels.
        width: Pixels.
    """

    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]


class Dermoscopy(Finite):
    """Whether this is a dermoscopy at all.

    Attributes:
        score: Of a logistic model on hand-made features, 0 to 1; not a probability.
        threshold: From which score on it is taken for one.
        is_dermoscopy: Whether the score reaches the threshold; else nothing is said of diagnoses.
    """

    score: Share
    threshold: Share
    is_dermoscopy: bool

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.is_dermoscopy != (self.score >= self.threshold):
            raise ValueError("is_dermoscopy contradicts score and threshold")
        return self


class SegmentationAnswer(Finite):
    """Task 1: the lesion mask.

    Attributes:
        file: Name of the mask, a PNG of 0 and 255 of the photograph's size; None where none was
            written.
        area_share: Lesion pixels over all pixels.
        empty: No lesion was found.
        touches_border: A lesion pixel lies at the photograph's edge: a part may be cut off.
        model: Name of the model, one of `models`.
    """

    file: CleanName | None
    area_share: Share
    empty: bool
    touches_border: bool
    model: str


class AttributeAnswer(Finite):
    """Task 2: one dermoscopic attribute.

    Attributes:
        file: Name of the mask, as the lesion's; None where none was written.
        present: The mask has a pixel.
        probability: That the photograph shows it somewhere, by the network's presence output; it
            may be high with an empty mask.
        area_share: Its pixels over all pixels of the photograph.
    """

    file: CleanName | None
    present: bool
    probability: Share
    area_share: Share


class Calibration(Finite):
    """How far probabilities can be trusted.

    Attributes:
        n: Photographs it was measured on.
        ece: Expected calibration error in 15 bins, temperatures of one half judged on the other.
        temperature: What scores are divided by before the softmax.
        split: Which photographs these were.
    """

    n: Annotated[int, Field(ge=1)]
    ece: Share
    temperature: Annotated[float, Field(gt=0)]
    split: str


class DiagnosisAnswer(Finite):
    """Task 3, or why nothing is said.

    Attributes:
        probabilities: Diagnosis to probability, all seven, their sum 1; None where abstained.
        calibrated: True only with `calibration`.
        calibration: How it was calibrated.
        conformal_set: The diagnoses that cannot be ruled out at `coverage`, most likely first.
        coverage: Share of cases whose diagnosis such sets hold, None without a set.
        abstained: Nothing is said about the diagnosis.
        reason: Why abstained, one sentence.
    """

    probabilities: dict[DiagnosisName, Share] | None
    calibrated: bool
    calibration: Calibration | None = None
    conformal_set: tuple[DiagnosisName, ...] = ()
    coverage: Share | None = None
    abstained: bool
    reason: str | None = None

    @property
    def most_likely(self) -> DiagnosisName | None:
        """The diagnosis of the highest probability, None where abstained."""
        if self.probabilities is None:
            return None
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.calibrated != (self.calibration is not None):
            raise ValueError("calibrated is true with a calibration and only then")
        if self.abstained:
            if self.probabilities is not None or self.conformal_set or not self.reason:
                raise ValueError("an abstention has a reason, no probabilities and no set")
            return self
        if self.probabilities is None or tuple(self.probabilities) != DIAGNOSES:
            raise ValueError(f"probabilities of {', '.join(DIAGNOSES)} are expected, in this order")
        if abs(math.fsum(self.probabilities.values()) - 1) > _SUM_WITHIN:
            raise ValueError("the probabilities do not sum to 1")
        if len(set(self.conformal_set)) < len(self.conformal_set):
            raise ValueError("a diagnosis stands twice in the conformal set")
        return self


class SimilarCase(Finite):
    """A training photograph near in the network's features.

    Attributes:
        image_id: Of the ISIC archive.
        diagnosis: Its own, as the data set says.
        distance: Between the embeddings of the photograph and of this one; smaller is nearer.
        link_text: Where to look for it.
    """

    image_id: CleanName
    diagnosis: DiagnosisName
    distance: Annotated[float, Field(ge=0)]
    link_text: str


class ModelUsed(Finite):
    """A model that had a part in the answer.

    Attributes:
        name: The model's.
        task: What it was trained for: segmentation, attributes or diagnosis.
        sha256: Of its file.
        licence: Of the data it was trained on, which its use follows.
        training_data: What it was trained on.
    """

    name: str
    task: str
    sha256: Sha256
    licence: str
    training_data: str


class Analysis(Finite):
    """The whole answer for one photograph.

    Attributes:
        format: Of this object.
        notice: `nevus.labels.NOTICE`.
        nevus: Version.
        image: The photograph's base name, cleaned.
        size: Of the photograph.
        warnings: What was odd about the file, a sentence each.
        quality: What is wrong with the photograph, worst first.
        dermoscopy: Whether it is one; None where not looked at.
        segmentation: None where no such model ran.
        attributes: By name; empty where no such model ran.
        diagnosis: None where no such model ran.
        abcd: Measures of the lesion; None without a mask.
        similar: Nearest training cases, nearest first; empty where abstained.
        models: All that had a part.
    """

    format: Literal["nevus-analysis-1"] = FORMAT
    notice: str = NOTICE
    nevus: str = __version__
    image: CleanName
    size: Size
    warnings: tuple[str, ...] = ()
    quality: tuple[QualityFlag, ...] = ()
    dermoscopy: Dermoscopy | None = None
    segmentation: SegmentationAnswer | None = None
    attributes: dict[str, AttributeAnswer] = Field(default_factory=dict)
    diagnosis: DiagnosisAnswer | None = None
    abcd: Abcd | None = None
    similar: tuple[SimilarCase, ...] = ()
    models: tuple[ModelUsed, ...] = ()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.notice != NOTICE:
            raise ValueError("the notice is not nevus's sentence")
        if set(self.attributes) - set(ATTRIBUTES):
            raise ValueError(f"attributes other than {', '.join(ATTRIBUTES)}")
        silent = self.diagnosis is not None and self.diagnosis.abstained
        if silent and self.similar:
            raise ValueError("similar cases tell a diagnosis, which was abstained from")
        other = self.dermoscopy is not None and not self.dermoscopy.is_dermoscopy
        if other and self.diagnosis is not None and not silent:
            raise ValueError("no diagnosis is given for what is no dermoscopy")
        if self.segmentation and self.abcd and self.segmentation.empty != self.abcd.empty:
            raise ValueError("segmentation and abcd disagree whether there is a lesion")
        return self

    def to_json(self) -> str:
        """Return JSON, indented, without NaN or infinity, one line end after it."""
        return f"{self.model_dump_json(indent=1)}\n"


def read_analysis(text: str | bytes) -> Analysis:
    """Return the answer that `Analysis.to_json` wrote.

    Raises:
        ValueError: It is none, or contradicts itself.
    """
    return Analysis.model_validate_json(text)
