from pathlib import Path

import numpy as np
import pytest
import torch

from nevus.data.cache import CacheItem
from nevus.errors import DataError, RecipeError
from nevus.imaging.views import FLIPS
from nevus.inference.attributor import TorchAttributor
from nevus.labels import ATTRIBUTES
from nevus.losses import pooled_jaccard, pooled_jaccard_each, present_dice, sum_overlaps
from nevus.models.attributes import Attributed
from nevus.models.build import build_network
from nevus.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from nevus.recipe import read_recipe
from nevus.training.attribute_validation import average_views
from nevus.training.attributes import AttributeMaterial, find_rarest
from nevus.training.classification import ClassificationLearner
from nevus.training.distributed import Group
from nevus.training.learner import build_normalizer
from nevus.training.multitask import MultitaskLearner
from nevus.training.starting import start_from
from nevus.training.train import TrainOptions, train

ONE = Group(0, 1, torch.device("cpu"))


def make_learner(*overrides: str) -> MultitaskLearner:
    recipe = read_recipe("attributes-tiny", overrides)
    return MultitaskLearner(recipe, build_network(recipe.network, pretrained=True), ONE)


def test_terms_add_up_by_hand() -> None:
    learner = make_learner(
        "supervised.losses={cross_entropy=1.0}", "attributes.presence_weight=2.0",
        "attributes.lesion_weight=3.0",
    )  # fmt: skip
    truth = torch.zeros(1, 6, 2, 2)
    truth[0, 0, 0, 0] = 1
    maps = torch.zeros(1, 6, 2, 2)
    maps[0, 5] = -100
    presences = torch.full((1, 5), 0.0)
    # ln 2 for five undecided maps, 0 for a lesion rightly missed, ln 2 for five presences.
    wanted = np.log(2) + 3 * 0 + 2 * np.log(2)
    assert float(learner.combine(Attributed(maps, presences), truth)) == pytest.approx(wanted)


def test_thresholds_are_fitted_on_what_prediction_averages() -> None:
    recipe = read_recipe("attributes-tiny")
    network = build_network(recipe.network, pretrained=True).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (*recipe.input.size, 3), np.uint8)
    checkpoint = Checkpoint(
        task="attributes", network=recipe.network, input=recipe.input,
        prediction=recipe.prediction, tensors=network.state_dict(), extra={}, fitted={}, about={},
    )  # fmt: skip
    wanted = TorchAttributor(checkpoint, torch.device("cpu"), flips=True).detect(pixels)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    maps, presences = average_views(network, build_normalizer(recipe, ONE).images(images), FLIPS)
    assert np.abs(maps[0] - wanted.maps).max() <= 1e-5
    assert np.abs(presences[0] - wanted.presences).max() <= 1e-5
    single = average_views(network, build_normalizer(recipe, ONE).images(images), FLIPS[:1])[0]
    assert np.abs(maps - single).max() > 1e-4


def test_baseline_has_neither_presences_nor_lesion() -> None:
    options = ["network.encoder=test_resnet", "network.pretrained=false"]
    recipe = read_recipe("attributes-vgg", [*options, "network.decoder_channels=[16,16,16,16]"])
    given = build_network(recipe.network, pretrained=True).eval()(torch.zeros(2, 3, 64, 64))
    assert given.maps.shape == (2, 5, 64, 64)
    assert given.presences.shape == (2, 0)


def test_pooled_losses_by_hand() -> None:
    logits = torch.full((2, 3, 2, 2), -100.0)
    target = torch.zeros(2, 3, 2, 2)
    target[0, 0] = 1
    logits[0, 0, 0] = 100
    target[1, 1, 0, 0] = 1
    logits[:, 2] = 100
    sums = sum_overlaps(logits, target)
    # Overlap, union, truth in photographs: half of one found; a quarter missed; two falsely found.
    assert torch.allclose(sums, torch.tensor([[0.5, 0, 0], [1, 0.25, 2], [1, 0.25, 0]]), atol=1e-5)
    assert float(pooled_jaccard(sums)) == pytest.approx(1 - 0.5 / 3.25, abs=1e-5)
    assert float(pooled_jaccard_each(sums)) == pytest.approx((0.5 + 1) / 2, abs=1e-4)


def test_empty_maps_cost_nothing_in_present_dice() -> None:
    logits = torch.zeros(2, 2, 4, 4)
    target = torch.zeros(2, 2, 4, 4)
    target[1, 0] = 1
    # p = .5 everywhere: 1 - 2 * 8 / (4 + 16), over two maps.
    assert present_dice(logits, target).tolist() == pytest.approx([0.0, 0.1], abs=1e-5)


def test_photographs_count_as_their_rarest_attribute() -> None:
    masks = np.zeros((4, 2, 2), np.uint8)
    masks[0, 0, 0] = 0b00001
    masks[1, 0, 0] = 0b00011
    masks[2, 1, 1] = 0b100000
    masks[3, 0, 1] = 0b00001
    assert find_rarest(masks, [0, 1, 2, 3]) == [0, 1, 5, 0]


def test_trains_from_a_task_1_checkpoint(
    drawn: Path, drawn_attributes: Path, tmp_path: Path
) -> None:
    lesion = read_recipe("segmentation-tiny", ["training.epochs=1"])
    train(lesion, TrainOptions(data=drawn, out=tmp_path / "one", fold=(0, 4)))
    first = tmp_path / "one" / "last.safetensors"
    recipe = read_recipe("attributes-tiny", ["training.epochs=2"])
    network = build_network(recipe.network, pretrained=True)
    taken = start_from(network, first, "encoder")
    stored = read_checkpoint(first).tensors
    encoder = {k: v for k, v in stored.items() if k.startswith("encoder.")}
    assert taken == len(encoder) > 0
    for name, tensor in encoder.items():
        assert torch.equal(network.state_dict()[f"unet.{name}"], tensor)
    assert start_from(network, first, "all") > taken
    other = build_network(
        recipe.network.model_copy(update={"encoder": "test_resnet"}), pretrained=True
    )
    with pytest.raises(RecipeError, match="does not fit"):
        start_from(other, first, "encoder")
    outcome = train(
        read_recipe("attributes-tiny", ["training.epochs=2", f"attributes.start_from={first}"]),
        TrainOptions(data=drawn_attributes, out=tmp_path / "two", fold=(0, 4)),
    )
    assert outcome.finished
    rules = read_checkpoint(tmp_path / "two" / "last.safetensors").fitted["rules"]
    assert len(rules["pooled"]["thresholds"]) == len(rules["each"]["areas"]) == 5


def test_lesion_masks_are_needed_only_where_mapped(drawn_attributes: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("images", "attributes"):
        (bare / name).symlink_to(drawn_attributes / name)
    with pytest.raises(DataError, match="no lesion mask"):
        AttributeMaterial(read_recipe("attributes-tiny"), bare)
    recipe = read_recipe("attributes-tiny", ["network.lesion_map=false"])
    items = AttributeMaterial(recipe, bare).items()
    assert all(isinstance(i, CacheItem) and len(i.masks) == len(ATTRIBUTES) for i in items)


def test_starts_from_a_diagnosis_checkpoint(tmp_path: Path) -> None:
    recipe = read_recipe("diagnosis-tiny")
    known = build_network(recipe.network, pretrained=True)
    tensors = known.state_dict()
    path = tmp_path / "known.safetensors"
    stored = Checkpoint("diagnosis", recipe.network, recipe.input, recipe.prediction, tensors)
    write_checkpoint(path, stored)
    wanted = read_recipe("attributes-tiny").network
    network = build_network(wanted, pretrained=True)
    assert start_from(network, path, "encoder") > 0
    filled = network.state_dict()
    own = [name for name in filled if name.startswith("unet.encoder.backbone.")]
    assert own
    for name in own:
        assert torch.equal(filled[name], tensors[name.removeprefix("unet.encoder.")]), name


def test_a_diagnosis_network_goes_on_from_another_run(tmp_path: Path) -> None:
    recipe = read_recipe("diagnosis-tiny")
    known = build_network(recipe.network, pretrained=True)
    path = tmp_path / "known.safetensors"
    stored = Checkpoint(
        "diagnosis", recipe.network, recipe.input, recipe.prediction, known.state_dict()
    )
    write_checkpoint(path, stored)
    changed = read_recipe("diagnosis-tiny", [f"classification.start_from={path}"])
    network = build_network(changed.network, pretrained=True)
    ClassificationLearner(changed, network, ONE, {})
    for name, tensor in known.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor), name
    narrow = changed.network.model_copy(update={"embedding": 8})
    with pytest.raises(RecipeError, match="tensors differ, such as"):
        ClassificationLearner(changed, build_network(narrow, pretrained=True), ONE, {})
