"""Smaller galleries: the same draw as the trainer's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nevus.errors import CheckpointError, UsageError
from nevus.models.build import build_network
from nevus.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from nevus.models.gallery import Gallery, draw_gallery, pack_gallery
from nevus.options import InputOptions, NetworkOptions, PredictionOptions
from nevus.reproduction.galleries import shrink_gallery


def write(path: Path, task: str = "diagnosis") -> tuple[list[str], list[int]]:
    options = NetworkOptions(
        name="diagnosis", encoder="test_efficientnet", pretrained=False, embedding=4
    )
    network = build_network(options, pretrained=False)
    ids = [f"ISIC_{i:07d}" for i in range(40)]
    labels = [i % 3 for i in range(40)]
    values = np.arange(160, dtype=np.float32).reshape(40, 4)
    arrays, names = pack_gallery(Gallery(tuple(ids), np.array(labels, np.int64), values))
    write_checkpoint(
        path,
        Checkpoint(
            task=task,
            network=options,
            input=InputOptions(size=(32, 32)),
            prediction=PredictionOptions(),
            tensors=network.state_dict(),
            extra={name: torch.from_numpy(array) for name, array in arrays.items()},
            fitted={"gallery": names, "temperature": {"logits": 2.0, "gallery": 3.0}},
        ),
    )
    return ids, labels


def test_the_draw_is_the_trainers(tmp_path: Path) -> None:
    ids, labels = write(tmp_path / "whole.safetensors")
    number = shrink_gallery(
        tmp_path / "whole.safetensors", tmp_path / "small.safetensors", per_class=5, seed=3
    )
    assert number == 15
    small = read_checkpoint(tmp_path / "small.safetensors")
    expected = draw_gallery(ids, labels, 5, 3)
    assert small.fitted["gallery"]["image_ids"] == [ids[place] for place in expected]
    assert small.extra["gallery.embeddings"][:, 0].tolist() == [4 * place for place in expected]
    assert small.fitted["temperature"] == {"logits": 2.0, "gallery": 3.0}
    whole = read_checkpoint(tmp_path / "whole.safetensors")
    assert all(torch.equal(whole.tensors[name], small.tensors[name]) for name in whole.tensors)


def test_from_a_drawn_gallery_too(tmp_path: Path) -> None:
    write(tmp_path / "whole.safetensors")
    shrink_gallery(tmp_path / "whole.safetensors", tmp_path / "ten.safetensors", per_class=10)
    shrink_gallery(tmp_path / "ten.safetensors", tmp_path / "five.safetensors", per_class=5)
    five = read_checkpoint(tmp_path / "five.safetensors")
    assert len(five.fitted["gallery"]["image_ids"]) == 15


def test_refusals(tmp_path: Path) -> None:
    write(tmp_path / "whole.safetensors")
    write(tmp_path / "other.safetensors", task="segmentation")
    with pytest.raises(UsageError, match="is none"):
        shrink_gallery(tmp_path / "whole.safetensors", tmp_path / "x", per_class=0)
    with pytest.raises(CheckpointError, match="segmentation"):
        shrink_gallery(tmp_path / "other.safetensors", tmp_path / "x", per_class=1)
