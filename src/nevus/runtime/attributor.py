"""Attribute maps and presences by an ONNX model."""

import numpy as np
from numpy.typing import NDArray

from nevus.imaging.views import average_back
from nevus.inference.answers import AttributeMaps, fill_presences, resize_maps
from nevus.labels import ATTRIBUTES
from nevus.metrics.thresholds import Rules
from nevus.runtime.session import Session


class OnnxAttributor:
    """The torch-free twin of `nevus.inference.attributor.TorchAttributor`.

    Args:
        session: Of an attribute model.
        fitted_for: Rules fitted for the ``pooled`` Jaccard, or for ``each`` attribute's own.
    """

    def __init__(self, session: Session, *, fitted_for: str = "pooled") -> None:
        self.card = session.card
        self.rules: Rules = session.card.rules(fitted_for)
        self._session = session

    def detect(self, pixels: NDArray[np.uint8]) -> AttributeMaps:
        """Return maps of the photograph's own size for a (H, W, 3) photograph of any size."""
        found, views = self._session.run_views(pixels)
        maps = found["maps"]
        if "lesion" in found:
            maps = np.concatenate([maps, found["lesion"]], axis=1)
        small = average_back(maps, views)
        whole = resize_maps(small, (pixels.shape[0], pixels.shape[1]))
        presences = fill_presences(found["presences"].astype(np.float64).mean(0))
        count = len(ATTRIBUTES)
        return AttributeMaps(whole[:count], presences, whole[count] if "lesion" in found else None)
