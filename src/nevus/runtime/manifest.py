"""What a manifest must say of a model, checked value by value before anything is believed."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from nevus.errors import ZooError
from nevus.imaging.preparation import Constancy, Fit
from nevus.labels import ATTRIBUTES, DIAGNOSES
from nevus.runtime.seal import KEY, is_whole

FORMAT = 3
LARGEST_TEXT = 32 * 2**20
"""Of a manifest, in bytes."""
LARGEST_MODEL = 2**30
"""Of a model, in bytes."""
UPDATE = "update nevus, or export the checkpoint again: nevus export CHECKPOINT --out MODEL.onnx"

OUTPUTS: dict[str, tuple[str, ...]] = {
    "segmentation": ("probability",),
    "attributes": ("maps", "presences"),
    "diagnosis": ("logits", "distances"),
}
"""By task: (N, 1, H, W); (N, 5, H, W) and (N, 5) or (N, 0); (N, 7) and (N, G)."""
FURTHER_OUTPUTS = {"segmentation": (), "attributes": ("lesion",), "diagnosis": ("evidence",)}
"""Which a model may give besides: (N, 1, H, W); (N, 7, h, w)."""
LABELS: dict[str, tuple[str, ...]] = {"attributes": ATTRIBUTES, "diagnosis": DIAGNOSES}

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=32, le=4096)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Diagnosed = Literal["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
Five = Annotated[tuple[Share, ...], Field(min_length=5, max_length=5)]


class Part(BaseModel):
    """A part of a manifest: frozen, strict about keys and types, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Prepared(Part):
    """The values of `nevus.imaging.preparation.Preparation`."""

    size: tuple[Side, Side]
    fit: Fit
    color_constancy: Constancy
    hairless: bool


class Predicted(Part):
    """Test-time choices; see `nevus.options.PredictionOptions`."""

    flips: bool
    rotations: bool
    by: Literal["logits", "gallery", "both"]
    steps: tuple[dict[str, str | int | FiniteFloat], ...]


class FittedRules(Part):
    """The values of `nevus.metrics.thresholds.Rules`."""

    thresholds: Five
    areas: Five
    presences: Five


class RuleChoice(Part):
    """Rules fitted for the pooled Jaccard and for each attribute's own."""

    pooled: FittedRules
    each: FittedRules
    n: Count


class Temperatures(Part):
    """Temperatures at one view; see `nevus.inference.answers.mix_scores`."""

    logits: Positive
    gallery: Positive
    both: Positive = 1.0
    n: Count = 0


class Calibrated(Part):
    """What validation photographs say about one way to probabilities."""

    temperature: Positive
    n: Count
    ece_before: Share
    ece: Share
    scores: dict[Diagnosed, tuple[Share, ...]]

    @model_validator(mode="after")
    def _is_sorted(self) -> "Calibrated":
        # Conformal sets take the k-th of them.
        if any(list(values) != sorted(values) for values in self.scores.values()):
            raise ValueError("scores are not sorted")
        return self


class CalibratedWays(Part):
    """One `Calibrated` for each way."""

    logits: Calibrated
    gallery: Calibrated
    both: Calibrated


class Fitted(Part):
    """What was fitted on validation photographs."""

    temperature: Temperatures | None = None
    rules: RuleChoice | None = None
    calibration: dict[Literal["one", "flips", "turns", "all"], CalibratedWays] | None = None
    """By set of views; see `nevus.imaging.views.VIEW_SETS`."""


class Known(Part):
    """The gallery's photographs; their embeddings are inside the model."""

    labels: tuple[Annotated[int, Field(ge=0, lt=len(DIAGNOSES))], ...] = ()
    image_ids: tuple[Name, ...] = ()


class Manifest(Part):
    """One model."""

    format: Literal[3]
    notice: str
    nevus: Name
    name: Name
    task: Literal["segmentation", "attributes", "diagnosis"]
    serves: tuple[Literal["segmentation", "attributes", "diagnosis"], ...]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,180}\.onnx$")]
    sha256: Hash
    bytes: Annotated[int, Field(ge=1, le=LARGEST_MODEL)]
    weights: Literal["float32", "float16", "int8"]
    arithmetic: Literal["float32", "int8"]
    difference: dict[str, Annotated[float, Field(ge=0)]]
    preparation: Prepared
    outputs: tuple[str, ...]
    labels: tuple[str, ...]
    prediction: Predicted
    fitted: Fitted
    gallery: Known
    about: dict[str, Any]
    manifest_sha256: Hash | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Manifest":
        for wrong, sentence in self._contradictions():
            if wrong:
                raise ValueError(sentence)
        return self

    def _contradictions(self) -> tuple[tuple[bool, str], ...]:
        needed = OUTPUTS[self.task]
        further = set(self.outputs) - set(needed)
        lesion = {"segmentation"} if "lesion" in self.outputs else set()
        height, width = self.preparation.size
        gallery = self.gallery
        return (
            (self.outputs[: len(needed)] != needed, f"outputs must begin with {needed}"),
            (not further <= set(FURTHER_OUTPUTS[self.task]), f"unknown outputs {sorted(further)}"),
            (len(set(self.outputs)) != len(self.outputs), "outputs are named twice"),
            (self.labels != LABELS.get(self.task, ()), f"labels are not those of {self.task}"),
            (self.task not in self.serves, f"serves lacks {self.task}"),
            (not set(self.serves) <= {self.task} | lesion, "serves a task it has no output for"),
            (self.prediction.rotations and height != width, "rotations need a square size"),
            (len(gallery.labels) != len(gallery.image_ids), "gallery labels and ids differ in n"),
            (bool(gallery.labels) != (self.task == "diagnosis"), "diagnosis alone has a gallery"),
            (self.task != "diagnosis" and self.preparation.fit != "stretch", "maps need all edges"),
        )


class Collection(Part):
    """All models of a folder in one file."""

    format: Literal[3]
    notice: str
    models: tuple[Manifest, ...]
    manifest_sha256: Hash


def read_manifests(text: bytes, source: str) -> tuple[Manifest, ...]:
    """Return the models a manifest describes: one, or those of a whole folder.

    Args:
        text: JSON.
        source: Names it in errors.

    Raises:
        ZooError: It is no manifest, of another format, or a value is wrong.
    """
    if len(text) > LARGEST_TEXT:
        raise ZooError(f"{source} has {len(text):,} bytes, no manifest is that large")
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ZooError(f"{source} is no manifest: {error}", hint=UPDATE) from error
    if not isinstance(document, dict) or "format" not in document:
        raise ZooError(f"{source} is no manifest of a nevus model", hint=UPDATE)
    if document["format"] != FORMAT:
        found = str(document["format"])[:20]
        raise ZooError(f"{source} has format {found}, this nevus reads {FORMAT}", hint=UPDATE)
    if not is_whole(text):
        raise ZooError(f"{source} is damaged: its {KEY} does not fit what it says", hint=UPDATE)
    try:
        if "models" in document:
            return Collection.model_validate_json(text).models
        return (Manifest.model_validate_json(text),)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise ZooError(f"{source} is damaged: {what}", hint=UPDATE) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
