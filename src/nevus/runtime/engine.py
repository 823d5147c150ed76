"""The one place that imports onnxruntime."""

import os
from typing import Any

SILENCE = "ORT_DISABLE_TELEMETRY"
"""Read when onnxruntime is imported: without it, its import alone looks up its maker's address and
leaves a device's number in the user's cache folder, whatever is called afterwards."""


def load_onnxruntime() -> Any:
    """Return onnxruntime, told to keep photographs' and machines' facts to itself.

    A program that imported onnxruntime earlier, by itself, has to set `SILENCE` before that.
    """
    os.environ[SILENCE] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def load_quantization() -> Any:
    """Return ``onnxruntime.quantization``, which needs the package ``onnx``."""
    load_onnxruntime()
    import onnxruntime.quantization.shape_inference

    return onnxruntime.quantization
