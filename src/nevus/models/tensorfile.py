"""Tensors and JSON in one safetensors file that proves its own integrity.

Every byte of the file, header included, is covered by a sha256 that stands in the header; a
flipped or missing byte is refused. Never pickle. Writing is atomic: write beside, fsync, rename,
fsync the folder.
"""

import errno
import hashlib
import json
import os
import secrets
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from nevus.errors import CheckpointError, DiskFullError, TrainingError

_BLANK = "0" * 64
_LENGTH = struct.Struct("<Q")
_PARTIAL = ".partial"


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], content: Any) -> None:
    """Write tensors and a JSON value to `path`; the file before stays until the new one is whole.

    Raises:
        TrainingError: A tensor holds a value that is not finite; nothing is written.
        DiskFullError: There is no room; the file before, if any, is untouched.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise TrainingError(f"{name} holds a value that is not finite; {path} is not written")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"nevus": json.dumps(content, sort_keys=True), "sha256": _BLANK}
    data = bytearray(safetensors.torch.save(plain, metadata))
    place = _digest_place(data)
    data[place : place + 64] = hashlib.sha256(data).hexdigest().encode()
    _replace(path, data)


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], Any]:
    """Return the tensors and the JSON value of a file, once its sha256 was found right.

    Raises:
        CheckpointError: The file is missing, foreign, cut off or damaged.
    """
    if path.is_dir():
        raise CheckpointError(
            f"{path} is a folder",
            hint="of a run folder, name best.safetensors or last.safetensors",
        )
    try:
        data = bytearray(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    place = _digest_place(data, path)
    stored = bytes(data[place : place + 64]).decode(errors="replace")
    data[place : place + 64] = _BLANK.encode()
    if hashlib.sha256(data).hexdigest() != stored:
        raise CheckpointError(f"{path} is damaged: its sha256 does not match its content")
    header = _read_header(data)
    return safetensors.torch.load(bytes(data)), json.loads(header["__metadata__"]["nevus"])


def remove_partials(folder: Path) -> None:
    """Remove what killed runs left half written."""
    for path in folder.glob(f"*{_PARTIAL}"):
        path.unlink(missing_ok=True)


def _digest_place(data: bytearray, path: Path | None = None) -> int:
    marker = b'"sha256":"'
    length = _LENGTH.unpack_from(data)[0] if len(data) >= _LENGTH.size else 0
    found = data.find(marker, 0, min(length + _LENGTH.size, len(data)))
    if found < 0:
        raise CheckpointError(
            f"{path} is no nevus checkpoint",
            hint="checkpoints are the .safetensors files that `nevus train` writes",
        )
    return found + len(marker)


def _read_header(data: bytearray) -> Any:
    length = _LENGTH.unpack_from(data)[0]
    return json.loads(bytes(data[_LENGTH.size : _LENGTH.size + length]))


def _replace(path: Path, data: bytearray) -> None:
    # A name of its own: two writers of one file must not write into each other's.
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"no room for {path}: {len(data):,} bytes are needed",
                hint="make room, then run the same command with --resume",
            ) from error
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        # There no more where all went well; Ctrl-C leaves none behind either.
        partial.unlink(missing_ok=True)
    if os.name == "posix":
        # Without this a power cut may keep the rename from ever having happened.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
