"""Segmentation runs that start from another run's weights."""

from pathlib import Path

import pytest
import torch

from nevus.errors import RecipeError
from nevus.models.build import build_network
from nevus.models.checkpoint import Checkpoint, write_checkpoint
from nevus.recipe import read_recipe
from nevus.training.distributed import Group
from nevus.training.starting import start_from
from nevus.training.supervised import SupervisedLearner

ONE = Group(0, 1, torch.device("cpu"))


def write_other(path: Path, name: str, seed: int) -> dict[str, torch.Tensor]:
    """Write a tiny checkpoint of random weights and return its tensors."""
    torch.manual_seed(seed)
    recipe = read_recipe(name)
    tensors = build_network(recipe.network, pretrained=True).state_dict()
    for tensor in tensors.values():
        if tensor.is_floating_point():
            tensor.normal_()
    stored = Checkpoint(recipe.task, recipe.network, recipe.input, recipe.prediction, tensors)
    write_checkpoint(path, stored)
    return tensors


@pytest.mark.parametrize("parts", ["encoder", "all"])
def test_starts_from_another_segmentation_run(tmp_path: Path, parts: str) -> None:
    path = tmp_path / "other.safetensors"
    other = write_other(path, "segmentation-tiny", 1)
    torch.manual_seed(0)
    recipe = read_recipe(
        "segmentation-tiny", [f"supervised.start_from={path}", f"supervised.start_with={parts}"]
    )
    network = build_network(recipe.network, pretrained=True)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    SupervisedLearner(recipe, network, ONE)
    for name, tensor in network.state_dict().items():
        expected = other if parts == "all" or name.startswith("encoder.") else before
        assert torch.equal(tensor, expected[name]), name


def test_starts_from_an_attribute_and_a_diagnosis_run(tmp_path: Path) -> None:
    wanted = build_network(read_recipe("segmentation-tiny").network, pretrained=True)
    encoder = [name for name in wanted.state_dict() if name.startswith("encoder.")]
    places = {"attributes-tiny": "unet.{}", "diagnosis-tiny": "{}"}
    for recipe, place in places.items():
        other = write_other(tmp_path / "other.safetensors", recipe, 2)
        taken = start_from(wanted, tmp_path / "other.safetensors", "encoder")
        assert taken == len(encoder)
        for name, tensor in wanted.state_dict().items():
            if name in encoder:
                source = place.format(name)
                if recipe == "diagnosis-tiny":
                    source = source.removeprefix("encoder.")
                assert torch.equal(tensor, other[source]), name


def test_other_learners_refuse_what_they_would_not_look_at() -> None:
    for name in ("segan-tiny", "attributes-tiny"):
        with pytest.raises(RecipeError, match="does not look at it"):
            read_recipe(name, ["supervised.start_from=other.safetensors"])


def test_only_u_nets_start_from_another_run(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_other(path, "segmentation-tiny", 1)
    changes = ["network.name=deeplabv3plus", "network.encoder=resnet18", "network.pretrained=false"]
    recipe = read_recipe("segmentation-tiny", changes)
    network = build_network(recipe.network, pretrained=False)
    with pytest.raises(RecipeError, match="none"):
        start_from(network, path, "all")
