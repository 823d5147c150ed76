"""ImageNet weights from timm's hub: the only place in nevus that may reach it."""

import re
from contextlib import suppress
from pathlib import Path

import timm

from nevus.errors import DownloadError, TrainingError, UsageError, WeightsError
from nevus.models.pretrained import WEIGHTS_VARIABLE, find_weights, weights_folder
from nevus.models.tensorfile import write_tensors

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def fetch_weights(encoder: str) -> Path:
    """Download an encoder's pretrained weights once and keep them as safetensors.

    Args:
        encoder: A timm model name, e.g. ``vgg19`` or ``resnet34.a1_in1k``.

    Returns:
        ``ENCODER.safetensors`` in `weights_folder()`, where training looks for it. If it is there
        already, or in the folder that NEVUS_WEIGHTS names, no connection is opened.

    Raises:
        UsageError: The name cannot be a timm model's.
        DownloadError: The hub failed, whatever the reason, or sent values that are not finite.
        DiskFullError: There is no room.
    """
    if not _NAME.fullmatch(encoder):
        raise UsageError(f"{encoder!r} is no timm model name", hint="such as vgg19")
    with suppress(WeightsError):
        return find_weights(encoder)
    path = weights_folder() / f"{encoder}.safetensors"
    try:
        model = timm.create_model(encoder, pretrained=True)
        tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    # The hub's libraries raise anything from OSError to their own; all mean the same here.
    except Exception as error:
        raise DownloadError(
            f"timm gave no pretrained weights of {encoder}: {type(error).__name__}: {error}",
            hint=f"check the name and the connection; or put a file {encoder}.safetensors from "
            f"another machine into {path.parent} or the folder {WEIGHTS_VARIABLE} names",
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_tensors(path, tensors, {"encoder": encoder, "source": "timm"})
    except TrainingError as error:
        raise DownloadError(f"timm's weights of {encoder} are damaged: {error.message}") from error
    return path
