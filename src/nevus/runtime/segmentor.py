"""The lesion's map, from its own network or from one that gives it beside attributes."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from nevus.errors import ZooError
from nevus.imaging.resizing import resize_probability
from nevus.imaging.views import average_back
from nevus.inference.postprocess import run_steps
from nevus.runtime.attributor import OnnxAttributor
from nevus.runtime.session import Session
from nevus.runtime.zoo import ModelCard

Pixels = NDArray[np.uint8]
Probability = NDArray[np.float32]


class OnnxSegmentor(ABC):
    """Anything of this package that gives the lesion.

    Args:
        card: Of the model that does; its post-processing steps make the mask.
    """

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    @abstractmethod
    def probability(self, pixels: Pixels) -> Probability:
        """Return (H, W) float32 in [0, 1] for (H, W, 3) uint8 RGB of any size."""

    def finish(self, probability: Probability, pixels: Pixels) -> NDArray[np.bool_]:
        """Return the (H, W) mask of a probability map after the card's post-processing steps."""
        return run_steps(self.card.prediction["steps"], probability, pixels)

    def segment(self, pixels: Pixels) -> NDArray[np.bool_]:
        """Return the (H, W) mask of a photograph."""
        return self.finish(self.probability(pixels), pixels)


class LesionSegmentor(OnnxSegmentor):
    """The torch-free twin of `nevus.inference.network.TorchNetwork`.

    Args:
        session: Of a segmentation model.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session.card)
        self._session = session

    def probability(self, pixels: Pixels) -> Probability:
        """Return (H, W) float32 in [0, 1] for (H, W, 3) uint8 RGB of any size."""
        found, views = self._session.run_views(pixels)
        small = average_back(found["probability"], views)[0]
        return resize_probability(small, (pixels.shape[0], pixels.shape[1]))


class BesideAttributes(OnnxSegmentor):
    """The lesion map of an attribute network.

    Args:
        attributor: Of a model with the output ``lesion``.

    Raises:
        ZooError: The model has none.
    """

    def __init__(self, attributor: OnnxAttributor) -> None:
        super().__init__(attributor.card)
        if "lesion" not in attributor.card.outputs:
            raise ZooError(f"{attributor.card.path} gives no lesion")
        self._attributor = attributor

    def probability(self, pixels: Pixels) -> Probability:
        """Return (H, W) float32 in [0, 1]; whoever wants attributes too calls `examine`."""
        lesion = self._attributor.detect(pixels).lesion
        assert lesion is not None
        return lesion
