"""The lesion's map: of its own network, of one that gives it beside attributes, or of both."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from nevus.errors import ZooError
from nevus.imaging.resizing import resize_probability
from nevus.imaging.views import average_back
from nevus.inference.answers import AttributeMaps
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
    def probability(self, pixels: Pixels, attributes: AttributeMaps | None = None) -> Probability:
        """Return (H, W) float32 in [0, 1] for (H, W, 3) uint8 RGB of any size.

        Args:
            pixels: The photograph.
            attributes: What the attribute network said of it, if it was asked already.
        """

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

    def probability(self, pixels: Pixels, attributes: AttributeMaps | None = None) -> Probability:
        """Return (H, W) float32 in [0, 1]; see `OnnxSegmentor.probability`."""
        del attributes  # Another network's.
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

    def probability(self, pixels: Pixels, attributes: AttributeMaps | None = None) -> Probability:
        """Return (H, W) float32 in [0, 1]; the network runs unless it was asked already."""
        lesion = (attributes or self._attributor.detect(pixels)).lesion
        assert lesion is not None
        return lesion


class TwoOpinions(OnnxSegmentor):
    """The mean of a lesion network's map and of an attribute network's.

    The attribute network runs anyway, so the second opinion costs nothing.

    Args:
        own: Its card says the second one's weight, ``prediction["second_opinion"]``.
        beside: The second one.
    """

    def __init__(self, own: LesionSegmentor, beside: BesideAttributes) -> None:
        super().__init__(own.card)
        self._own = own
        self._beside = beside

    def probability(self, pixels: Pixels, attributes: AttributeMaps | None = None) -> Probability:
        """Return (H, W) float32 in [0, 1]; see `OnnxSegmentor.probability`."""
        share = np.float32(self.card.prediction["second_opinion"])
        second = self._beside.probability(pixels, attributes)
        return (1 - share) * self._own.probability(pixels) + share * second
