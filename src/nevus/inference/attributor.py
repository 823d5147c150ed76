"""A trained attribute network as a function from photographs to maps and presences."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nevus.errors import CheckpointError
from nevus.imaging.views import choose_views
from nevus.inference.answers import AttributeMaps, fill_presences, resize_maps
from nevus.inference.intake import Intake, place_network
from nevus.labels import ATTRIBUTES
from nevus.metrics.thresholds import Rules
from nevus.models.checkpoint import Checkpoint, read_checkpoint
from nevus.models.turning import run_views, turn_back

Pixels = NDArray[np.uint8]


class TorchAttributor:
    """An attribute network from a checkpoint, on a device.

    Args:
        checkpoint: What `nevus train` wrote.
        device: Where to run.
        flips: Average over flips (and turns, where the checkpoint has them); None: as it says.
        fitted_for: Rules fitted for the ``pooled`` Jaccard, or for ``each`` attribute's own.

    Raises:
        CheckpointError: It is no attribute checkpoint.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device,
        *,
        flips: bool | None = None,
        fitted_for: str = "pooled",
    ) -> None:
        if checkpoint.task != "attributes":
            raise CheckpointError(f"this is a checkpoint for {checkpoint.task}, not attributes")
        self.views = choose_views(checkpoint.prediction, flips)
        # A run without validation photographs fitted none.
        fitted = checkpoint.fitted.get("rules")
        self.rules = Rules.from_json(fitted[fitted_for]) if fitted else Rules.plain(0.5)
        self._intake = Intake(checkpoint, device)
        self._network = place_network(checkpoint, device)

    def detect(self, pixels: Pixels) -> AttributeMaps:
        """Return maps of the photograph's own size for a (H, W, 3) photograph of any size.

        One photograph at a time: the result cannot depend on neighbours in a batch.
        """
        values = self._intake.take(pixels)
        turned, likely = [], []
        with torch.inference_mode():
            for given, views in run_views(self._network, values, self.views):
                parts = torch.sigmoid(given.maps.float())
                turned += [turn_back(part, view) for part, view in zip(parts, views, strict=True)]
                likely.append(torch.sigmoid(given.presences.double()))
            maps = torch.stack(turned).mean(0).cpu().numpy()
            presences = torch.cat(likely).mean(0).cpu().numpy()
        whole = resize_maps(maps, (pixels.shape[0], pixels.shape[1]))
        count = len(ATTRIBUTES)
        lesion = whole[count] if len(whole) > count else None
        return AttributeMaps(whole[:count], fill_presences(presences), lesion)


def load_attributor(
    path: Path,
    device: torch.device | None = None,
    *,
    flips: bool | None = None,
    fitted_for: str = "pooled",
) -> TorchAttributor:
    """Return the attribute network of a checkpoint file.

    Raises:
        CheckpointError: The file is missing, damaged or foreign.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.task != "attributes":
        raise CheckpointError(f"{path} is a checkpoint for {checkpoint.task}, not attributes")
    device = device or torch.device("cpu")
    return TorchAttributor(checkpoint, device, flips=flips, fitted_for=fitted_for)
