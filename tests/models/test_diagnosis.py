from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nevus.errors import RecipeError, WeightsError
from nevus.models.build import build_network, encoder_backbone
from nevus.models.diagnosis import DiagnosisNetwork, build_backbone
from nevus.options import NetworkOptions

TINY = NetworkOptions(name="diagnosis", encoder="test_resnet", pretrained=False, embedding=16)


def test_embeddings_have_unit_length_and_logits_do_not_depend_on_it() -> None:
    torch.manual_seed(0)
    plain = build_network(TINY.model_copy(update={"normalize_embedding": False}), pretrained=False)
    unit = build_network(TINY, pretrained=False)
    unit.load_state_dict(plain.state_dict())
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        a, b = plain.eval()(images), unit.eval()(images)
    assert a.embedding.shape == (3, 16)
    assert a.logits.shape == (3, 7)
    assert torch.equal(a.logits, b.logits)
    assert torch.allclose(b.embedding.norm(dim=1), torch.ones(3))
    assert torch.allclose(b.embedding * a.embedding.norm(dim=1, keepdim=True), a.embedding)


def test_the_backbone_is_what_freezing_holds() -> None:
    network = build_network(TINY, pretrained=False)
    assert isinstance(network, DiagnosisNetwork)
    assert encoder_backbone(network) is network.backbone


def test_a_deeper_resnet_starts_as_the_shallower_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shallow, _ = build_backbone("resnet50", stride_first=True)
    for module in shallow.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    save_file(shallow.state_dict(), tmp_path / "resnet50.safetensors")
    options = NetworkOptions(
        name="diagnosis", encoder="resnet101", stride_first=True, deepen=True,
        pretrained=str(tmp_path / "resnet50.safetensors"),
    )  # fmt: skip
    deep = build_network(options, pretrained=True)
    assert isinstance(deep, DiagnosisNetwork)
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(deep.backbone.eval()(images), shallow.eval()(images))
    assert sum(bool((m.bn3.weight == 0).all()) for m in deep.backbone.layer3) == 17
    with pytest.raises(WeightsError, match="does not fit"):
        build_network(options.model_copy(update={"deepen": False}), pretrained=True)


def test_strides_move_in_bottleneck_resnets_only() -> None:
    backbone, features = build_backbone("resnet50", stride_first=True)
    assert features == 2048
    assert backbone.layer2[0].conv1.stride == (2, 2)
    assert backbone.layer2[0].conv2.stride == (1, 1)
    with pytest.raises(RecipeError, match="stride_first"):
        build_backbone("resnet18", stride_first=True)
    with pytest.raises(RecipeError, match="no model"):
        build_backbone("resnet51", stride_first=False)
