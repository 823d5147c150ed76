"""What a number was computed on and with."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from nevus import __version__


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Return the kind of processor or GPU, threads and versions; nothing that names a machine."""
    return {
        "device": name_device(device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "timm": _find_version("timm"),
        "nevus": __version__,
    }


def name_device(device: torch.device) -> str:
    """Return the GPU's name, or the processor's class."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {_name_processor()}"


def _name_processor(table: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _find_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
