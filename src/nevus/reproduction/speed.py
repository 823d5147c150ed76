"""How long a step takes here: from earlier visits, else from one that is measured."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nevus.errors import NevusError
from nevus.imaging.files import write_atomically
from nevus.models.build import build_network
from nevus.models.critic import Critic
from nevus.reproduction.machine import name_device
from nevus.reproduction.trainings import Place, Training

VISITS = "visits.jsonl"
"""In the reproduction's folder: a line for each stretch of training or predicting."""

PROBE = 4
"""Photographs of a measured step; a step's time grows with the batch."""

PASSES = 3
"""Timed passes, after one that is not."""

OVERHEAD = 1.15
"""Of a training step over its networks' passes: loading, losses, optimiser."""

PREDICTION_SECONDS = 0.01
"""Of reading a photograph, post-processing without a CRF and writing, beside the network."""

CRF_SECONDS = 0.15
"""Of the CRF on a photograph of 256 pixels."""


@dataclass(frozen=True)
class Speed:
    """Seconds of one training step, and of one photograph's way through the network."""

    step: float
    forward: float


class SpeedBook:
    """Known and measured speeds of one device.

    Args:
        place: The reproduction's folder remembers them.
        device: Whose speeds.
        measure: Whether a step may be measured where nothing is known.
    """

    def __init__(self, place: Place, device: torch.device, *, measure: bool = True) -> None:
        self._path = place.out / "speeds.json"
        self._device = device
        self._name = f"{name_device(device)}, {torch.get_num_threads()} threads"
        self._measure = measure
        self._stored: dict[str, dict[str, list[float]]] = _read_json(self._path)
        self._seen = _average(read_visits(place.out), self._name)

    def train_seconds(self, training: Training) -> float | None:
        """Return the seconds of one step, or None where nothing is known or can be measured."""
        if (seen := self._seen.get(f"train {training.shape}")) is not None:
            return seen
        speed = self._find(training)
        return None if speed is None else speed.step

    def predict_seconds(self, training: Training, *, crf: bool = False) -> float | None:
        """Return the seconds of one photograph with one network."""
        if (seen := self._seen.get(predict_kind(training, crf=crf))) is not None:
            return seen
        speed = self._find(training)
        views = 1 + 3 * training.recipe.prediction.flips
        views *= 1 + training.recipe.prediction.rotations
        rest = PREDICTION_SECONDS + crf * CRF_SECONDS
        return None if speed is None else speed.forward * views + rest

    @property
    def name(self) -> str:
        """The device's name, as visits note it."""
        return self._name

    def _find(self, training: Training) -> Speed | None:
        known = self._stored.setdefault(self._name, {})
        if training.shape not in known:
            if not self._measure:
                return None
            try:
                speed = measure_speed(training, self._device)
            except (NevusError, RuntimeError):
                # A plan without this number is better than none: out of memory, say.
                return None
            known[training.shape] = [speed.step, speed.forward]
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(self._stored, indent=1).encode())
        return Speed(*known[training.shape])


def predict_kind(training: Training, *, crf: bool) -> str:
    """Return the name under which visits note a prediction's speed."""
    views = [training.recipe.prediction.flips, training.recipe.prediction.rotations]
    return f"predict {training.shape} {sum(views)} {'crf' if crf else 'plain'}"


def measure_speed(training: Training, device: torch.device) -> Speed:
    """Time one pass forward and back of a training's networks on random photographs.

    Raises:
        RecipeError: The network does not exist.
    """
    recipe = training.recipe
    size = recipe.input.crop or recipe.input.size
    images = torch.randn(min(PROBE, recipe.training.batch_size), 3, *size, device=device)
    network = build_network(recipe.network, pretrained=False).to(device)
    forward = _time_passes(network.eval(), images[:1], device, back=False)
    seconds = _time_passes(network.train(), images, device, back=True)
    if recipe.learner == "adversarial":
        critic = Critic(recipe.adversarial.critic_channels).to(device)
        # Prediction and truth in the critic's step, both again in the segmentor's.
        seconds += 3 * _time_passes(critic, images, device, back=True)
    scale = recipe.training.batch_size / len(images)
    return Speed(seconds * scale * OVERHEAD, forward)


def note_visit(out: Path, **values: Any) -> None:
    """Append a line about a stretch of work."""
    with (out / VISITS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")


def read_visits(out: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines about stretches of work; one cut off by a kill is left out."""
    path = out / VISITS
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict):
            yield entry


def _average(visits: Iterator[dict[str, Any]], name: str) -> dict[str, float]:
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for visit in visits:
        if visit.get("device") == name and visit.get("count"):
            total = sums[str(visit.get("kind"))]
            total[0] += float(visit["seconds"])
            total[1] += float(visit["count"])
    return {kind: seconds / count for kind, (seconds, count) in sums.items()}


def _time_passes(
    network: nn.Module, images: torch.Tensor, device: torch.device, *, back: bool
) -> float:
    # The first pass of a shape also chooses kernels; the best of some is the least disturbed.
    _pass(network, images, back=back)
    taken = []
    for _ in range(PASSES):
        _wait(device)
        began = time.perf_counter()
        _pass(network, images, back=back)
        _wait(device)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _pass(network: nn.Module, images: torch.Tensor, *, back: bool) -> None:
    with torch.set_grad_enabled(back):
        given = network(images)
        total = torch.stack([part.float().sum() for part in _tensors(given) if part.numel()]).sum()
        if back:
            torch.autograd.backward(total)


def _tensors(given: Any) -> list[torch.Tensor]:
    if isinstance(given, torch.Tensor):
        return [given]
    return [part for part in given if isinstance(part, torch.Tensor)]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}
