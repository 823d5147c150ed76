"""An ensemble of networks as one network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nevus.errors import CheckpointError, RecipeError, RunLockedError
from nevus.export import ExportOptions, export_checkpoint
from nevus.models.build import build_network
from nevus.models.checkpoint import Checkpoint, build_from_checkpoint
from nevus.models.diagnosis import DiagnosisNetwork
from nevus.models.joining import join_checkpoints
from nevus.options import InputOptions, NetworkOptions, PredictionOptions
from nevus.recipe import read_recipe
from nevus.training.joining import join_runs
from nevus.training.locking import hold
from nevus.training.refit import refit
from nevus.training.train import TrainOptions, train

TINY = NetworkOptions(name="diagnosis", encoder="test_resnet", pretrained=False, embedding=16)


def make(seed: int, **network: object) -> Checkpoint:
    torch.manual_seed(seed)
    options = TINY.model_copy(update=network)
    tensors = build_network(options, pretrained=False).state_dict()
    size = InputOptions(size=(64, 64))
    return Checkpoint("diagnosis", options, size, PredictionOptions(), dict(tensors))


def test_how_members_were_trained_does_not_matter() -> None:
    other = make(1, dropout=0.5)
    other = replace(other, input=InputOptions(size=(64, 64), crop=(48, 48)))
    assert join_checkpoints([make(0), other]).network.members == 2


@pytest.mark.parametrize("count", [1, 3])
def test_what_features_add_to_logits(count: int) -> None:
    members = [make(seed) for seed in range(count)]
    checkpoint = join_checkpoints(members) if count > 1 else members[0]
    network = build_from_checkpoint(checkpoint)
    assert isinstance(network, DiagnosisNetwork)
    features = torch.randn(4, network.weigh_features().shape[1])
    nothing = torch.zeros_like(features)
    with torch.inference_mode():
        added = network.judge(features).logits - network.judge(nothing).logits
        assert torch.allclose(added, features @ network.weigh_features().T, atol=1e-5)


@pytest.mark.parametrize("count", [2, 3])
def test_logits_are_the_mean_and_squared_distances_too(count: int) -> None:
    members = [make(seed) for seed in range(count)]
    images = torch.randn(5, 3, 64, 64)
    with torch.inference_mode():
        single = [build_from_checkpoint(member)(images) for member in members]
        joined = build_from_checkpoint(join_checkpoints(members))(images)
    mean = torch.stack([one.logits for one in single]).mean(0)
    assert torch.allclose(joined.logits, mean, atol=1e-6)
    assert joined.embedding.shape == (5, 16 * count)
    assert torch.allclose(joined.embedding.norm(dim=1), torch.ones(5))
    squares = torch.stack([torch.cdist(one.embedding, one.embedding) ** 2 for one in single])
    expected = squares.mean(0).sqrt()
    assert torch.allclose(torch.cdist(joined.embedding, joined.embedding), expected, atol=1e-4)


def make_masks(seed: int, **network: object) -> Checkpoint:
    options = NetworkOptions(encoder="test_resnet", pretrained=False).model_copy(update=network)
    torch.manual_seed(seed)
    tensors = build_network(options, pretrained=False).state_dict()
    task = "attributes" if options.name == "attributes" else "segmentation"
    size = InputOptions(size=(64, 64))
    return Checkpoint(task, options, size, PredictionOptions(), dict(tensors))


def test_lesions_are_the_mean_of_logits() -> None:
    members = [make_masks(seed) for seed in range(3)]
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        single = [build_from_checkpoint(member).eval()(images) for member in members]
        joined = build_from_checkpoint(join_checkpoints(members)).eval()(images)
    assert torch.allclose(joined, torch.stack(single).mean(0), atol=1e-6)


@pytest.mark.parametrize("presence", [True, False])
def test_attributes_are_the_mean_of_logits(*, presence: bool) -> None:
    members = [make_masks(seed, name="attributes", presence=presence) for seed in range(2)]
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        single = [build_from_checkpoint(member).eval()(images) for member in members]
        joined = build_from_checkpoint(join_checkpoints(members)).eval()(images)
    assert torch.allclose(joined.maps, sum(one.maps for one in single) / 2, atol=1e-6)
    assert joined.presences.shape == (2, 5 if presence else 0)
    assert torch.allclose(joined.presences, sum(one.presences for one in single) / 2, atol=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    for others, text in (
        ([], "nothing to join"),
        ([make(1, embedding=8)], "other options"),
        ([replace(make(1), input=InputOptions(size=(96, 96)))], "other options or inputs"),
        ([replace(make(1), task="segmentation")], "different tasks"),
        ([join_checkpoints([make(1), make(2)])], "cannot be joined again"),
    ):
        with pytest.raises(CheckpointError, match=text):
            join_checkpoints([make(0), *others])


def test_runs_become_a_run_that_is_fitted_and_exported(drawn_cases: Path, tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        recipe = read_recipe("diagnosis-tiny", [f"training.seed={seed}", "training.epochs=1"])
        fold = (0, 4) if seed < 3 else (1, 4)
        train(recipe, TrainOptions(data=drawn_cases, out=tmp_path / f"run{seed}", fold=fold))
    with pytest.raises(CheckpointError, match="other splits"):
        join_runs([tmp_path / "run1", tmp_path / "run3"], tmp_path / "both")
    path = join_runs([tmp_path / "run1", tmp_path / "run2"], tmp_path / "both")
    with pytest.raises(CheckpointError, match="is there already"):
        join_runs([tmp_path / "run1", tmp_path / "run2"], tmp_path / "both")
    with pytest.raises(CheckpointError, match="holds no gallery"):
        export_checkpoint(path, tmp_path / "m.onnx")
    with hold(tmp_path / "both"), pytest.raises(RunLockedError, match="another trainer"):
        refit(tmp_path / "both", drawn_cases, device="cpu")
    refit(tmp_path / "both", drawn_cases, views="flips", device="cpu")
    options = ExportOptions(flips=True, rotations=False, by="gallery")
    done = export_checkpoint(path, tmp_path / "m.onnx", options=options)
    assert done.difference <= 1e-4


def test_runs_of_attributes_become_one_too(drawn_attributes: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        recipe = read_recipe("attributes-tiny", [f"training.seed={seed}", "training.epochs=1"])
        options = TrainOptions(data=drawn_attributes, out=tmp_path / f"run{seed}", fold=(0, 4))
        train(recipe, options)
    path = join_runs([tmp_path / "run1", tmp_path / "run2"], tmp_path / "both")
    together = read_recipe("attributes-tiny", ["network.members=2"])
    with pytest.raises(RecipeError, match="cannot be trained together"):
        train(together, TrainOptions(data=drawn_attributes, out=tmp_path / "new", fold=(0, 4)))
    (fitted, _) = refit(tmp_path / "both", drawn_attributes, views="flips", device="cpu")
    assert fitted.scores["n"] == 6
    done = export_checkpoint(path, tmp_path / "m.onnx", options=ExportOptions(rotations=False))
    assert done.difference <= 1e-4
