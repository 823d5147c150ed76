"""Pretrained encoder weights: found on this machine or refused, never silently random.

Training opens no connection. `nevus data download weights ENCODER` fetches timm's weights once;
a safetensors file of one's own goes in by path.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from nevus.errors import WeightsError

WEIGHTS_VARIABLE = "NEVUS_WEIGHTS"


def find_weights(encoder: str) -> Path:
    """Return the safetensors file that holds an encoder's ImageNet weights.

    Looks for ``ENCODER.safetensors`` in the folder that the environment variable NEVUS_WEIGHTS
    names, then in the folder `nevus data download weights` fills.

    Raises:
        WeightsError: There is no such file; the message says how to get one.
    """
    folders = [Path(os.environ[WEIGHTS_VARIABLE])] if os.environ.get(WEIGHTS_VARIABLE) else []
    folders.append(weights_folder())
    for folder in folders:
        path = folder / f"{encoder}.safetensors"
        if path.is_file():
            return path
    raise WeightsError(
        f"no pretrained weights of {encoder} on this machine (looked in "
        f"{', '.join(map(str, folders))})",
        hint=f"nevus data download weights {encoder}, or --set network.pretrained=FILE.safetensors"
        ", or --set network.pretrained=false to train from scratch",
    )


def weights_folder() -> Path:
    """Return where downloaded encoder weights are kept for this user."""
    return Path(platformdirs.user_data_dir("nevus", appauthor=False)) / "weights"


def load_pretrained(backbone: nn.Module, path: Path) -> None:
    """Load a weight file into a timm feature backbone, every tensor accounted for.

    Understands timm's names, timm's flattened feature names and the bare indices of torchvision's
    ``vgg19().features``. Half precision files are widened.

    Raises:
        WeightsError: The file is missing or damaged, or a tensor is absent or has another shape.
    """
    try:
        source = load_file(path)
    except FileNotFoundError as error:
        raise WeightsError(f"there is no weight file {path}") from error
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is no readable safetensors file: {error}",
            hint="tools/convert_weights.py turns a .pth file you trust into safetensors",
        ) from error
    matched: dict[str, torch.Tensor] = {}
    problems: list[str] = []
    for name, target in backbone.state_dict().items():
        tensor = _find_tensor(source, name)
        if tensor is None and name.endswith("num_batches_tracked"):
            tensor = target
        if tensor is None:
            problems.append(f"{name} is missing")
        elif tensor.shape != target.shape:
            problems.append(f"{name} is {tuple(tensor.shape)}, not {tuple(target.shape)}")
        else:
            matched[name] = tensor.to(target.dtype)
    if problems:
        shown = "; ".join(problems[:3])
        raise WeightsError(f"{path} does not fit: {shown} ({len(problems)} tensors in all)")
    backbone.load_state_dict(matched)


def _find_tensor(source: Mapping[str, torch.Tensor], name: str) -> torch.Tensor | None:
    # timm flattens features.0 to features_0 when it cuts a backbone into a feature list.
    dotted = name.replace("_", ".", 1)
    for candidate in (name, dotted, dotted.removeprefix("features.")):
        if candidate in source:
            return source[candidate]
    return None
