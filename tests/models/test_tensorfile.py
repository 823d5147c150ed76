import errno
import io
import os
from pathlib import Path

import pytest
import torch

from nevus.errors import CheckpointError, DiskFullError, TrainingError
from nevus.models import tensorfile
from nevus.models.tensorfile import read_tensors, write_tensors

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2]), "c": torch.tensor(7.0)}


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"n": 1, "text": "Ångström"})
    tensors, content = read_tensors(path)
    assert content == {"n": 1, "text": "Ångström"}
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], value)
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_every_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"n": 1})
    good = path.read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 0x01
        path.write_bytes(bad)
        with pytest.raises(CheckpointError):
            read_tensors(path)


@pytest.mark.parametrize("length", [0, 5, 40, -1])
def test_cut_off_file_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError):
        read_tensors(path)


def test_not_finite_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(TrainingError, match="not finite"):
        write_tensors(path, {"w": torch.tensor([1.0, float("nan")])}, {})
    assert not path.exists()


def test_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"n": 1})

    class FullDisk(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda self, mode: FullDisk())
    with pytest.raises(DiskFullError, match=r"x\.safetensors: [\d,]+ bytes"):
        write_tensors(path, TENSORS, {"n": 2})
    monkeypatch.undo()
    assert read_tensors(path)[1] == {"n": 1}
    assert not list(tmp_path.glob(f"*{tensorfile._PARTIAL}"))


def test_two_writers_do_not_disturb_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One begins while the other is about to finish, as two processes may."""
    path = tmp_path / "x.safetensors"
    synced = os.fsync

    def write_another(handle: int) -> None:
        monkeypatch.setattr(os, "fsync", synced)
        write_tensors(path, TENSORS, {"n": 2})
        synced(handle)

    monkeypatch.setattr(os, "fsync", write_another)
    write_tensors(path, TENSORS, {"n": 1})
    assert read_tensors(path)[1] == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff" + bytes(100))
    with pytest.raises(CheckpointError, match="no nevus checkpoint"):
        read_tensors(path)
