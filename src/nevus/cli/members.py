"""The networks that `nevus predict` runs: of checkpoints, or models as files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nevus.errors import UsageError

if TYPE_CHECKING:
    from nevus.inference.attribute_predictor import Attributor
    from nevus.inference.diagnosis_predictor import Diagnoser
    from nevus.inference.predictor import Segmentor
    from nevus.metrics.thresholds import Rules
    from nevus.runtime.networks import Networks

PACKAGED = "packaged"
"""As ``--models``: those that ship."""


@dataclass(frozen=True)
class Members:
    """Where networks come from: either checkpoints (torch) or a folder of models (no torch).

    Attributes:
        checkpoints: One or more; several make an ensemble.
        models: A folder that `nevus export` wrote, or `PACKAGED`.
        flips: Average over flips; None: as the checkpoint says. Not for models.
        device: Where checkpoints run.
    """

    checkpoints: tuple[Path, ...]
    models: str | None
    flips: bool | None
    device: str

    def __post_init__(self) -> None:
        """Refuse both, neither, and what models as files do not have.

        Raises:
            UsageError: So.
        """
        if bool(self.checkpoints) == (self.models is not None):
            raise UsageError("give either --checkpoint or --models", hint=f"--models {PACKAGED}")
        if self.models is not None and self.flips is not None:
            raise UsageError("models average the views they were calibrated for: no --flips here")

    def names(self) -> list[str]:
        """Return what the networks are called: a checkpoint's folder and file, or the models'."""
        if self.models is not None:
            return [Path(self.models).name]
        return [str(Path(path.absolute().parent.name) / path.name) for path in self.checkpoints]

    def segmentors(self) -> "tuple[list[Segmentor], tuple[dict[str, Any], ...]]":
        """Return networks for the lesion, and the first one's post-processing."""
        if self.models is not None:
            segmentor = self._load_models("segmentation").segmentor
            if segmentor is None:
                raise self._without("segmentation")
            return [segmentor], tuple(segmentor.card.prediction["steps"])
        from nevus.inference.network import load_network
        from nevus.training.distributed import choose_device

        device = choose_device(self.device)
        members = [load_network(path, device, flips=self.flips) for path in self.checkpoints]
        for path, member in zip(self.checkpoints, members, strict=True):
            if member.task != "segmentation":
                raise UsageError(f"{path} is a checkpoint for {member.task}, not segmentation")
        return [*members], tuple(members[0].options.steps)

    def attributors(self, fitted_for: str) -> "tuple[list[Attributor], Rules]":
        """Return networks for attributes, and the first one's thresholds."""
        if self.models is not None:
            attributor = self._load_models("attributes").attributor
            if attributor is None:
                raise self._without("attributes")
            return [attributor], attributor.card.rules(fitted_for)
        from nevus.inference.attributor import load_attributor
        from nevus.training.distributed import choose_device

        device = choose_device(self.device)
        members = [
            load_attributor(path, device, flips=self.flips, fitted_for=fitted_for)
            for path in self.checkpoints
        ]
        return [*members], members[0].rules

    def diagnosers(self, by: str | None, similar: int) -> "list[Diagnoser]":
        """Return networks for the diagnosis."""
        if self.models is not None:
            if by is not None:
                raise UsageError("models diagnose the way they were exported for: no --by here")
            diagnoser = self._load_models("diagnosis", similar=similar).diagnoser
            if diagnoser is None:
                raise self._without("diagnosis")
            return [diagnoser]
        from nevus.inference.diagnoser import load_diagnoser
        from nevus.training.distributed import choose_device

        device = choose_device(self.device)
        return [
            load_diagnoser(path, device, by=by, flips=self.flips, similar=similar)
            for path in self.checkpoints
        ]

    def _load_models(self, task: str, *, similar: int = 5) -> "Networks":
        from nevus.runtime.networks import load_networks

        folder = None if self.models == PACKAGED else Path(self.models or "")
        return load_networks(folder, tasks=(task,), similar=similar)

    def _without(self, task: str) -> UsageError:
        return UsageError(f"--models {self.models} holds no model for {task}")
