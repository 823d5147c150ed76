"""Class probabilities and similar cases by an ONNX model."""

import numpy as np
from numpy.typing import NDArray

from nevus.imaging.views import average_back
from nevus.inference.answers import Diagnosis, choose_temperature, make_diagnosis
from nevus.models.gallery import Gallery
from nevus.runtime.session import Session


class OnnxDiagnoser:
    """The torch-free twin of `nevus.inference.diagnoser.TorchDiagnoser`.

    Args:
        session: Of a diagnosis model.
        by: ``logits``, ``gallery`` or ``both``; None: as the card says.
        similar: How many photographs of the gallery to name.

    Attributes:
        calibration: `ModelCard.calibration` of this way; None: probabilities are not calibrated.
    """

    def __init__(self, session: Session, *, by: str | None = None, similar: int = 5) -> None:
        self.card = session.card
        self.by: str = by or session.card.prediction["by"]
        self.similar = similar
        self.calibration = session.card.calibration(self.by)
        self.temperature = choose_temperature(session.card.fitted, session.card.views)
        known = session.card.gallery
        # Their embeddings are inside the model, which gives distances.
        self.gallery = Gallery(
            tuple(known["image_ids"]),
            np.array(known["labels"], np.int64),
            np.zeros((len(known["labels"]), 0), np.float32),
        )
        self._session = session

    def diagnose(self, pixels: NDArray[np.uint8]) -> Diagnosis:
        """Return probabilities, similar cases and evidence for a photograph of any size."""
        found, views = self._session.run_views(pixels)
        maps = found.get("evidence")
        return make_diagnosis(
            self.gallery,
            found["logits"].astype(np.float64),
            found["distances"].astype(np.float64),
            by=self.by,
            temperature=self.temperature,
            similar=self.similar,
            evidence=None if maps is None else average_back(maps, views),
        )
