"""One ONNX model, opened after its bytes were checked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.errors import ZooError
from nevus.imaging.views import View, turn
from nevus.runtime.engine import load_onnxruntime
from nevus.runtime.threads import Threads
from nevus.runtime.zoo import ModelCard, verify

Pixels = NDArray[np.uint8]
Outputs = dict[str, NDArray[np.float32]]
_SILENT = 4


class Session:
    """An opened model. Threads may share it: running changes nothing.

    Args:
        card: Of the model.
        model: What onnxruntime made of it.
        threads: For the views of one photograph.
    """

    def __init__(self, card: ModelCard, model: Any, threads: Threads) -> None:
        self.card = card
        self._model = model
        self._threads = threads

    def run(self, images: Pixels) -> Outputs:
        """Return the card's outputs by name for (N, H, W, 3) uint8 of the card's size.

        Raises:
            ZooError: onnxruntime cannot run it, for lack of memory as a rule.
        """
        try:
            found = self._model.run(list(self.card.outputs), {"image": images})
        except Exception as error:
            # onnxruntime's errors share no class below Exception.
            raise ZooError(f"{self.card.path} cannot be run: {_first_line(error)}") from error
        return dict(zip(self.card.outputs, found, strict=True))

    def run_views(self, pixels: Pixels) -> tuple[Outputs, tuple[View, ...]]:
        """Return outputs for all the card's views of a photograph of any size."""
        small = self.card.preparation.apply(pixels)
        views = self.card.views
        # A view to a thread shares nothing: with 2 threads three times as fast as one batch whose
        # every operation is split between them.
        found = list(self._threads.map(self.run, [turn(small, view)[None] for view in views]))
        whole = {name: np.concatenate([one[name] for one in found]) for name in self.card.outputs}
        return whole, views


def open_session(card: ModelCard, *, threads: Threads | None = None) -> Session:
    """Return the model, ready to run.

    Args:
        card: Of the model.
        threads: For the views of one photograph; models may share them. None: two.

    Raises:
        ZooError: The file is not the one the card promises, or onnxruntime refuses it.
    """
    data = verify(card)
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # It grows by powers of two and never shrinks; without it nothing was slower.
    options.enable_cpu_mem_arena = False
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    try:
        model = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ZooError(
            f"{card.path} is no model onnxruntime {onnxruntime.__version__} runs: "
            f"{_first_line(error)}",
            hint="update onnxruntime, or export the checkpoint again",
        ) from error
    _check_shape(card, model)
    return Session(card, model, threads or Threads(2))


def _check_shape(card: ModelCard, model: Any) -> None:
    """Raise where the model is not what its card says."""
    given = [(one.name, one.type, list(one.shape[1:])) for one in model.get_inputs()]
    wanted = [("image", "tensor(uint8)", [*card.preparation.size, 3])]
    names = [one.name for one in model.get_outputs()]
    if given != wanted or not set(card.outputs) <= set(names):
        raise ZooError(
            f"{card.path} takes {given} and gives {names}, its manifest says {wanted} and "
            f"{list(card.outputs)}",
            hint="export the checkpoint again: nevus export CHECKPOINT --out MODEL.onnx",
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
