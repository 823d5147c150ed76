"""Models as files: which there are, what they take and give, where they come from."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from nevus.errors import ZooError
from nevus.imaging.preparation import Preparation
from nevus.imaging.views import View, list_views, name_views
from nevus.labels import TASKS
from nevus.metrics.thresholds import Rules
from nevus.runtime.manifest import Manifest, read_manifests

MANIFEST = "manifest.json"
"""Of a whole folder; without it, every ``*.json`` of the folder stands for one model."""
REINSTALL = "install nevus again, or name a folder of exported models with --models"


@dataclass(frozen=True)
class ModelCard:
    """One model: its file, how it is used, where it comes from.

    Attributes:
        name: The model's.
        task: What it was trained for: ``segmentation``, ``attributes`` or ``diagnosis``.
        serves: All tasks it answers; an attribute network with a lesion map also segments.
        path: The ONNX file.
        sha256: Of the file, 64 hexadecimal digits.
        bytes: The file's size.
        weights: How weights are stored: ``float32``, ``float16`` or ``int8``.
        arithmetic: What its encoder computes in: ``float32`` or ``int8``.
        difference: Largest absolute difference of each output from the checkpoint's in torch.
        preparation: What is done to a photograph first.
        outputs: Names of what it gives.
        labels: Attributes or diagnoses in the order of its outputs; none for segmentation.
        prediction: ``flips``, ``rotations``, ``by``, ``steps``.
        fitted: What validation photographs gave: ``temperature``, ``rules``, ``calibration``.
        gallery: ``labels`` (positions in `nevus.labels.DIAGNOSES`) and ``image_ids``.
        about: ``recipe``, ``data``, ``licence``, ``scores`` and other facts, JSON values.
        version: Of the nevus that exported it.
    """

    name: str
    task: str
    serves: tuple[str, ...]
    path: Path
    sha256: str
    bytes: int
    weights: str
    arithmetic: str
    difference: dict[str, float]
    preparation: Preparation
    outputs: tuple[str, ...]
    labels: tuple[str, ...]
    prediction: dict[str, Any]
    fitted: dict[str, Any]
    gallery: dict[str, Any]
    about: dict[str, Any]
    version: str

    @property
    def views(self) -> tuple[View, ...]:
        """How the photograph is mirrored and turned; answers are averaged."""
        return list_views(flips=self.prediction["flips"], rotations=self.prediction["rotations"])

    def rules(self, fitted_for: str = "pooled") -> Rules:
        """Return how attribute probabilities become masks: at 0.5 where nothing was fitted."""
        fitted = self.fitted.get("rules")
        return Rules.from_json(fitted[fitted_for]) if fitted else Rules.plain(0.5)

    def calibration(self, by: str | None = None) -> dict[str, Any] | None:
        """Return what is known of a diagnosis network's probabilities, None if nothing is.

        Args:
            by: ``logits``, ``gallery`` or ``both``; None: as the card's prediction says.

        Returns:
            ``temperature``, ``n``, ``ece_before``, ``ece`` (cross-fitted) and ``scores``: for
            each diagnosis the sorted 1 - p(true class) of its n photographs.
        """
        ways = self.fitted.get("calibration", {}).get(name_views(self.views), {})
        found: dict[str, Any] | None = ways.get(by or self.prediction["by"])
        return found


@dataclass(frozen=True)
class Zoo:
    """The models of a folder.

    Attributes:
        folder: Where they lie.
        models: Every model once, sorted by task and name.
        cards: The model that answers each task; a task nobody answers is missing.
    """

    folder: Path
    models: tuple[ModelCard, ...]
    cards: Mapping[str, ModelCard] = field(default_factory=dict)


def read_zoo(folder: Path | None = None) -> Zoo:
    """Return the models of a folder; no model file is opened yet.

    Args:
        folder: Holds ``manifest.json``, or one ``.json`` per model as `nevus export` writes them;
            None for the models that ship with nevus.

    Raises:
        ZooError: There is no model, or a manifest is damaged, of another format, or contradicts
            itself.
    """
    place = folder if folder is not None else find_packaged()
    hint = REINSTALL if folder is None else "make one with nevus export CHECKPOINT --out MODEL.onnx"
    if not place.is_dir():
        raise ZooError(f"there is no folder of models at {place}", hint=hint)
    if (place / "run.json").is_file():
        raise ZooError(
            f"{place} is a training's run folder",
            hint=f"nevus export {place}/last.safetensors --out MODELS/MODEL.onnx, --models MODELS",
        )
    whole = place / MANIFEST
    texts = [whole] if whole.is_file() else sorted(place.glob("*.json"))
    models = [make_card(place, one) for path in texts for one in _read(path)]
    if not models:
        raise ZooError(f"{place} holds no models", hint=hint)
    order = {task: rank for rank, task in enumerate(TASKS)}
    models.sort(key=lambda card: (order[card.task], card.name))
    return Zoo(place, tuple(models), _assign(place, models))


def find_packaged() -> Path:
    """Return the folder of the models that ship with nevus."""
    return Path(str(resources.files("nevus") / "zoo"))


def make_card(folder: Path, manifest: Manifest) -> ModelCard:
    """Return the card of a manifest's model, which lies in `folder`."""
    preparation = manifest.preparation
    return ModelCard(
        name=manifest.name,
        task=manifest.task,
        serves=manifest.serves,
        path=folder / manifest.file,
        sha256=manifest.sha256,
        bytes=manifest.bytes,
        weights=manifest.weights,
        arithmetic=manifest.arithmetic,
        difference=manifest.difference,
        preparation=Preparation(**preparation.model_dump()),
        outputs=manifest.outputs,
        labels=manifest.labels,
        prediction=manifest.prediction.model_dump(),
        fitted=manifest.fitted.model_dump(exclude_none=True),
        gallery=manifest.gallery.model_dump(),
        about=manifest.about,
        version=manifest.nevus,
    )


def verify(card: ModelCard) -> bytes:
    """Return the bytes of a model's file once their sha256 was found right.

    Raises:
        ZooError: The file is missing, a link out of its folder, or not the one promised.
    """
    path = card.path
    hint = "fetch or export the model again; an edited file is never run"
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ZooError(f"{path} is a link out of its folder", hint="put the file itself there")
    try:
        size = path.stat().st_size
        # Before reading: a file of another size need not be read, however large it is.
        data = path.read_bytes() if size == card.bytes else b""
    except OSError as error:
        raise ZooError(f"cannot read {path}: {error.strerror or error}", hint=hint) from error
    if size != card.bytes:
        raise ZooError(f"{path} has {size:,} bytes, its manifest says {card.bytes:,}", hint=hint)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ZooError(f"{path} is damaged: its sha256 is not its manifest's", hint=hint)
    return data


def _read(path: Path) -> tuple[Manifest, ...]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ZooError(f"cannot read {path}: {error.strerror or error}") from error
    return read_manifests(text, str(path))


def _assign(folder: Path, models: Iterable[ModelCard]) -> dict[str, ModelCard]:
    """Return the model of each task: one trained for it before one that also serves it."""
    models = tuple(models)
    cards: dict[str, ModelCard] = {}
    for task in TASKS:
        own = [card for card in models if card.task == task]
        serving = own or [card for card in models if task in card.serves]
        if len(serving) > 1:
            names = " and ".join(card.name for card in serving[:2])
            raise ZooError(f"{folder} holds two models for {task}, {names}", hint="keep one")
        if serving:
            cards[task] = serving[0]
    return cards
