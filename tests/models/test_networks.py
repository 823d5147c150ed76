from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nevus.errors import RecipeError, UsageError, WeightsError
from nevus.models.build import MODELS, build_network, encoder_backbone
from nevus.models.critic import Critic, GlobalConvolution
from nevus.models.encoders import Encoder, SqueezeExcite
from nevus.models.pretrained import find_weights
from nevus.options import NetworkOptions
from nevus.recipe import read_recipe

TINY = {
    "unet": NetworkOptions(encoder="test_resnet", pretrained=False, squeeze_excite=16),
    "deeplabv3plus": NetworkOptions(name="deeplabv3plus", encoder="resnet18", pretrained=False),
}


def test_every_network_has_a_test() -> None:
    assert set(MODELS) == {*TINY, "attributes", "diagnosis"}


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("size", [(64, 64), (48, 80), (74, 84)])
def test_every_network_gives_logits_of_the_input_size(name: str, size: tuple[int, int]) -> None:
    network = build_network(TINY[name], pretrained=True).eval()
    with torch.inference_mode():
        logits = network(torch.zeros(2, 3, *size))
    assert logits.shape == (2, 1, *size)
    assert bool(torch.isfinite(logits).all())


def test_a_photograph_does_not_depend_on_its_neighbours() -> None:
    network = build_network(TINY["unet"], pretrained=True).eval()
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together = network(images)[:1]
        alone = network(images[:1])
    assert torch.allclose(together, alone, atol=1e-5)


def test_gates_stand_in_line_where_timm_runs_a_sequence() -> None:
    encoder = Encoder("vgg11", squeeze_excite=16).eval()
    assert encoder.channels == (64, 128, 256, 512, 512)
    assert encoder.reductions == (1, 2, 4, 8, 16)
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        before = encoder(images)
        gate = encoder.gates[0]
        assert isinstance(gate, SqueezeExcite)
        gate.excite.bias.fill_(-20)
        after = encoder(images)
    assert float(after[0].abs().max()) < 1e-6
    assert not torch.allclose(before[-1], after[-1])


def test_squeeze_excite_starts_near_identity() -> None:
    gate = SqueezeExcite(32)
    features = torch.rand(2, 32, 8, 8)
    with torch.inference_mode():
        ratio = gate(features) / features
    assert 0.7 < float(ratio.mean()) < 1


def test_global_convolution_is_linear_and_sees_nine_pixels() -> None:
    block = GlobalConvolution(1, 2)
    point = torch.zeros(1, 1, 21, 21)
    point[0, 0, 10, 10] = 1
    answer = block(point)[0].abs().sum(0) > 0
    rows, columns = answer.nonzero().unbind(1)
    assert (int(rows.min()), int(rows.max())) == (6, 14)
    assert (int(columns.min()), int(columns.max())) == (6, 14)
    assert torch.allclose(block(3 * point), 3 * block(point), atol=1e-6)


def test_critic_halves_five_times() -> None:
    scales = Critic((4, 4, 8, 8, 8), input_scale=True)(torch.zeros(2, 3, 64, 64))
    assert [tuple(s.shape[1:]) for s in scales] == [
        (3, 64, 64), (4, 32, 32), (4, 16, 16), (8, 8, 8), (8, 4, 4), (8, 2, 2),
    ]  # fmt: skip


def test_missing_weights_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEVUS_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("nevus.models.pretrained.weights_folder", lambda: tmp_path / "none")
    with pytest.raises(WeightsError, match="nevus data download weights test_resnet"):
        build_network(NetworkOptions(encoder="test_resnet"), pretrained=True)


def test_weights_need_no_home_where_their_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object, **_more: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_data_dir", refuse)
    monkeypatch.setenv("NEVUS_WEIGHTS", str(tmp_path))
    (tmp_path / "vgg11.safetensors").touch()
    assert find_weights("vgg11") == tmp_path / "vgg11.safetensors"
    with pytest.raises(UsageError, match="NEVUS_WEIGHTS"):
        find_weights("resnet18")


def test_local_weights_are_loaded(tmp_path: Path) -> None:
    source = Encoder("vgg11").backbone.state_dict()
    bare = {k.removeprefix("features_"): v.half() for k, v in source.items()}
    save_file(bare, tmp_path / "vgg.safetensors")
    options = NetworkOptions(encoder="vgg11", pretrained=str(tmp_path / "vgg.safetensors"))
    backbone = encoder_backbone(build_network(options, pretrained=True))
    assert backbone is not None
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, source[name].half().float())


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    source = Encoder("vgg11").backbone.state_dict()
    source["features_0.weight"] = torch.zeros(64, 1, 3, 3)
    save_file(source, tmp_path / "vgg.safetensors")
    options = NetworkOptions(encoder="vgg11", pretrained=str(tmp_path / "vgg.safetensors"))
    with pytest.raises(WeightsError, match=r"features_0\.weight is \(64, 1, 3, 3\)"):
        build_network(options, pretrained=True)


def test_unknown_encoder_is_named() -> None:
    with pytest.raises(RecipeError, match="no model 'vgg91'"):
        build_network(NetworkOptions(encoder="vgg91", pretrained=False), pretrained=True)


@pytest.mark.parametrize(
    ("name", "encoder", "message"),
    [
        ("unet", "test_vit", r"no pyramid: its 5 features are reduced \[16, 16"),
        ("deeplabv3plus", "tu-test_vit", r"network\.encoder tu-test_vit does not fit"),
        ("deeplabv3plus", "tu-nothing", r"network\.encoder tu-nothing does not fit"),
    ],
)
def test_encoders_that_do_not_fit_are_named(name: str, encoder: str, message: str) -> None:
    options = NetworkOptions(name=name, encoder=encoder, pretrained=False)
    with pytest.raises(RecipeError, match=message):
        build_network(options, pretrained=False)


def test_freezing_reaches_the_backbone_alone() -> None:
    network = build_network(TINY["unet"], pretrained=True)
    backbone = encoder_backbone(network)
    assert isinstance(backbone, nn.Module)
    inner = {id(p) for p in backbone.parameters()}
    gates = [p for n, p in network.named_parameters() if ".gates." in n]
    assert gates
    assert not any(id(p) in inner for p in gates)


@pytest.mark.real
def test_vgg16_initialised_vgg19_loads(real: Path) -> None:
    path = real.parent / "weights" / "vgg19_features_net2net_from_vgg16_rescaled_fp16.safetensors"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    options = NetworkOptions(encoder="vgg19", pretrained=str(path), squeeze_excite=16)
    network = build_network(options, pretrained=True).eval()
    with torch.inference_mode():
        features = network.encoder.backbone(torch.randn(1, 3, 64, 64))
    assert [round(float(f.mean()), 1) for f in features] != [0.0] * 5


def test_maps_begin_at_their_prior() -> None:
    options = read_recipe("attributes-tiny").network.model_copy(
        update={"map_prior": 0.02, "lesion_map": True}
    )
    network = build_network(options, pretrained=False).eval()
    with torch.no_grad():
        maps = torch.sigmoid(network(torch.zeros(1, 3, 48, 64)).maps)
    assert maps[:, :5].mean() == pytest.approx(0.02, abs=0.02)
    assert maps[:, 5].mean() == pytest.approx(0.5, abs=0.2)
