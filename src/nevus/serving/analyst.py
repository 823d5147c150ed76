"""What a worker does with photographs: each verb's analyser, and answers ready to send."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from nevus.analysis.report import render_report
from nevus.analysis.results import Analysis
from nevus.analyzer.analyzed import Analyzed
from nevus.errors import ImageError, ZooError
from nevus.imaging.drawing import encode_png
from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.inference.inputs import Failure
from nevus.labels import ATTRIBUTES, attribute_name, segmentation_name
from nevus.serving.refusals import describe_error, name_error

VERBS: Final[Mapping[str, tuple[str, ...]]] = {
    "analyze": ("segmentation", "attributes", "diagnosis"),
    "segment": ("segmentation",),
    "attributes": ("attributes",),
    "diagnose": ("diagnosis",),
}
"""Each verb of the service and the tasks it asks."""

_TITLE: Final = "Photographs"


class Analyzes(Protocol):
    """What of `nevus.analyzer.analyzer.Analyzer` is needed here."""

    def analyze(self, source: bytes, *, name: str | None = None) -> Analyzed:
        """Return the answer for a file's bytes."""
        ...


@dataclass(frozen=True)
class Analyst:
    """A worker's analysers.

    Attributes:
        analyzers: Verb to analyser; a verb without a model for it is missing.
        models: What is said about each model, JSON values.
        seconds: What a photograph takes, tried once.
    """

    analyzers: Mapping[str, Analyzes]
    models: Sequence[Mapping[str, Any]] = ()
    seconds: float = 1.0


@dataclass(frozen=True)
class Reply:
    """What a worker sends back.

    Attributes:
        outcome: ``ok``, or the code of what is wrong with the photograph.
        files: Name to contents; of one file named ``""`` for a piece of JSON or a page.
    """

    outcome: str
    files: Mapping[str, bytes]


def load_analyst(models: Path | None, threads: int, max_bytes: int) -> Analyst:
    """Return analysers that share their networks, once these gave finite numbers.

    Raises:
        ZooError: A model is missing, damaged, or gives numbers that are none.
    """
    from nevus.analyzer.analyzer import Analyzer
    from nevus.analyzer.answers import list_models
    from nevus.runtime.networks import Networks, load_networks

    networks = load_networks(models, threads=threads)
    check_finite(networks)

    def restrict(tasks: tuple[str, ...]) -> Networks:
        return replace(
            networks,
            segmentor=networks.segmentor if "segmentation" in tasks else None,
            attributor=networks.attributor if "attributes" in tasks else None,
            diagnoser=networks.diagnoser if "diagnosis" in tasks else None,
            cards={task: card for task, card in networks.cards.items() if task in tasks},
        )

    limits = Limits(max_bytes=min(max_bytes, DEFAULT_LIMITS.max_bytes))
    analyzers = {
        verb: Analyzer(networks=restrict(tasks), limits=limits)
        for verb, tasks in VERBS.items()
        if set(tasks) & set(networks.cards)
    }
    models_used = [one.model_dump(mode="json") for one in list_models(networks.cards.values())]
    analyst = Analyst(analyzers, models_used)
    trial = encode_png(draw_trial())
    answer_photograph(analyst, "analyze", "trial", trial, "")
    start = monotonic()
    answer_photograph(analyst, "analyze", "trial", trial, "")
    return replace(analyst, seconds=monotonic() - start)


def draw_trial() -> NDArray[np.uint8]:
    """Return a drawn lesion, (450, 600, 3)."""
    rows, columns = np.mgrid[:450, :600]
    inside = ((rows - 225) / 130) ** 2 + ((columns - 300) / 160) ** 2 < 1
    return np.where(inside[..., None], (120, 80, 70), (220, 180, 160)).astype(np.uint8)


def check_finite(networks: Any) -> None:
    """Run every network on a drawn photograph.

    Raises:
        ZooError: One gives NaN or infinity.
    """
    found = networks.examine(draw_trial())
    numbers = {"segmentation": [found.lesion]}
    if found.attributes is not None:
        numbers["attributes"] = [found.attributes.maps, found.attributes.presences]
    if found.diagnosis is not None:
        numbers["diagnosis"] = [found.diagnosis.probabilities]
    for task, arrays in numbers.items():
        if not all(one is None or np.isfinite(one).all() for one in arrays):
            raise ZooError(f"the {task} model gives numbers that are not finite")


def answer_photograph(analyst: Analyst, verb: str, name: str, data: bytes, stem: str) -> Reply:
    """Return the answer for one photograph.

    Args:
        analyst: Of this worker.
        verb: One of `VERBS`.
        name: To call it, clean.
        data: The file.
        stem: Of file names in an archive; empty: a piece of JSON is wanted.
    """
    try:
        done = analyst.analyzers[verb].analyze(data, name=name)
    except ImageError as error:
        return _refuse(error, name, stem)
    masks = _encode_masks(done)
    if not stem:
        return Reply("ok", {"": _encode_result(name, done, masks)})
    names = {mask: _name_mask(stem, mask) for mask in masks}
    files = {names[mask]: png for mask, png in masks.items()}
    text = _name_files(done.analysis, names).to_json()
    return Reply("ok", {f"{stem}.json": text.encode(), **files})


def answer_report(analyst: Analyst, names: Sequence[str], photographs: Sequence[bytes]) -> Reply:
    """Return one page about all photographs."""
    entries, failures = [], []
    for name, data in zip(names, photographs, strict=True):
        try:
            entries.append(analyst.analyzers["analyze"].analyze(data, name=name).to_entry())
        except ImageError as error:
            failures.append(Failure(Path(name), error.code, error.message))
    return Reply("ok", {"": render_report(entries, _TITLE, failures=failures).encode()})


def _refuse(error: ImageError, name: str, stem: str) -> Reply:
    # The name stands beside it.
    text = error.message.removeprefix(f"{name}: ")
    found = {"name": name, "error": describe_error(error.code, text, error.hint)}
    file = name_error(stem) if stem else ""
    return Reply(error.code, {file: json.dumps(found, ensure_ascii=False).encode()})


def _encode_masks(done: Analyzed) -> dict[str, bytes]:
    masks = {} if done.lesion is None else {"lesion": done.lesion}
    masks.update({name: done.attributes[name] for name in ATTRIBUTES if name in done.attributes})
    return {name: encode_png(mask) for name, mask in masks.items()}


def _encode_result(name: str, done: Analyzed, masks: Mapping[str, bytes]) -> bytes:
    texts = {mask: base64.b64encode(png).decode() for mask, png in masks.items()}
    called, encoded = json.dumps(name, ensure_ascii=False), json.dumps(texts, separators=(",", ":"))
    analysis = done.analysis.model_dump_json()
    text = f'{{"name":{called},"analysis":{analysis},"masks":{encoded}}}'
    return text.encode()


def _name_mask(stem: str, mask: str) -> str:
    return segmentation_name(stem) if mask == "lesion" else attribute_name(stem, mask)


def _name_files(analysis: Analysis, names: Mapping[str, str]) -> Analysis:
    """Return the answer with the names its masks have in the archive."""
    lesion = analysis.segmentation
    return analysis.model_copy(
        update={
            "segmentation": lesion and lesion.model_copy(update={"file": names.get("lesion")}),
            "attributes": {
                name: one.model_copy(update={"file": names.get(name)})
                for name, one in analysis.attributes.items()
            },
        }
    )
