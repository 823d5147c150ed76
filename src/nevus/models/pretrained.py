"""Pretrained encoder weights: found on this machine or refused, never silently random.

Training opens no connection. `nevus data download weights ENCODER` fetches timm's weights once;
a safetensors file of one's own goes in by path.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import platformdirs
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from nevus.errors import UsageError, WeightsError

WEIGHTS_VARIABLE = "NEVUS_WEIGHTS"


def find_weights(encoder: str) -> Path:
    """Return the safetensors file that holds an encoder's ImageNet weights.

    Looks for ``ENCODER.safetensors`` in the folder that the environment variable NEVUS_WEIGHTS
    names, then in the folder `nevus data download weights` fills.

    Raises:
        WeightsError: There is no such file; the message says how to get one.
        UsageError: NEVUS_WEIGHTS names no such file, and this user has no home folder.
    """
    folders: list[Path] = []
    for folder in _list_folders():
        folders.append(folder)
        path = folder / f"{encoder}.safetensors"
        if path.is_file():
            return path
    raise WeightsError(
        f"no pretrained weights of {encoder} on this machine (looked in "
        f"{', '.join(map(str, folders))})",
        hint=f"nevus data download weights {encoder}, or --set network.pretrained=FILE.safetensors"
        ", or --set network.pretrained=false to train from scratch",
    )


def _list_folders() -> Iterator[Path]:
    # One after the other: weights in the named folder need no home.
    if os.environ.get(WEIGHTS_VARIABLE):
        yield Path(os.environ[WEIGHTS_VARIABLE])
    yield weights_folder()


def weights_folder() -> Path:
    """Return where downloaded encoder weights are kept for this user.

    Raises:
        UsageError: This user has no home folder, as in some containers.
    """
    try:
        return Path(platformdirs.user_data_dir("nevus", appauthor=False)) / "weights"
    except RuntimeError as error:
        raise UsageError(
            "there is no home folder to keep weights in",
            hint=f"set HOME, or put them into a folder that {WEIGHTS_VARIABLE} names",
        ) from error


def load_pretrained(backbone: nn.Module, path: Path, *, deepen: bool = False) -> None:
    """Load a weight file into a timm backbone, every tensor accounted for.

    Understands timm's names, timm's flattened feature names and the bare indices of torchvision's
    ``vgg19().features``. Half precision files are widened.

    Args:
        backbone: Filled in place.
        path: A safetensors file.
        deepen: Blocks that the file lacks start as identities (Goyal et al. 2017,
            arXiv:1706.02677, section 5.1): the last batch norm of their residual branch is 0, so
            that a ResNet-101 first computes exactly what the file's ResNet-50 does.

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
    extra = _find_extra_blocks(backbone, source) if deepen else frozenset()
    matched: dict[str, torch.Tensor] = {}
    problems: list[str] = []
    for name, target in backbone.state_dict().items():
        tensor = _find_tensor(source, name)
        if tensor is None and name.endswith("num_batches_tracked"):
            tensor = target
        if tensor is None and name.startswith(tuple(extra)):
            tensor = torch.zeros_like(target) if name.endswith("bn3.weight") else target
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


def _find_extra_blocks(backbone: nn.Module, source: Mapping[str, torch.Tensor]) -> frozenset[str]:
    # layer3.17. of a ResNet-101 has no counterpart in a ResNet-50's file.
    blocks = {f"{name}." for name, module in backbone.named_modules() if hasattr(module, "bn3")}
    return frozenset(
        block for block in blocks if not any(name.startswith(block) for name in source)
    )


def _find_tensor(source: Mapping[str, torch.Tensor], name: str) -> torch.Tensor | None:
    # timm flattens features.0 to features_0 when it cuts a backbone into a feature list.
    dotted = name.replace("_", ".", 1)
    for candidate in (name, dotted, dotted.removeprefix("features.")):
        if candidate in source:
            return source[candidate]
    return None
