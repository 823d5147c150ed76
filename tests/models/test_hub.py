"""The hub is reached through timm.create_model, which is a fake here."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from nevus.errors import DownloadError, UsageError
from nevus.models import hub, pretrained


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "data" / "weights"
    monkeypatch.delenv(pretrained.WEIGHTS_VARIABLE, raising=False)
    for module in (hub, pretrained):
        monkeypatch.setattr(module, "weights_folder", lambda: place)
    return place


def tiny(value: float = 0.5) -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))
    nn.init.constant_(model[0].weight, value)
    return model


def test_weights_are_written_where_training_looks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, bool]] = []

    def create(name: str, *, pretrained: bool) -> nn.Module:
        calls.append((name, pretrained))
        return tiny()

    monkeypatch.setattr(hub.timm, "create_model", create)
    path = hub.fetch_weights("vgg19")
    assert calls == [("vgg19", True)]
    assert path == folder / "vgg19.safetensors" == pretrained.find_weights("vgg19")
    assert [entry.name for entry in folder.iterdir()] == ["vgg19.safetensors"]
    model = tiny(0.0)
    pretrained.load_pretrained(model, path)
    assert torch.equal(model[0].weight, torch.full((2, 3, 3, 3), 0.5))
    assert load_file(path).keys() == tiny().state_dict().keys()
    assert hub.fetch_weights("vgg19") == path
    assert len(calls) == 1


@pytest.mark.parametrize(
    "failure",
    [OSError("no route"), RuntimeError("Unknown model (vgg91)"), ValueError("odd"), KeyError("x")],
)
def test_every_failure_has_a_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(name: str, *, pretrained: bool) -> nn.Module:
        raise failure

    monkeypatch.setattr(hub.timm, "create_model", fail)
    with pytest.raises(DownloadError, match="vgg19") as caught:
        hub.fetch_weights("vgg19")
    assert type(failure).__name__ in str(caught.value)
    assert "NEVUS_WEIGHTS" in str(caught.value)
    assert not folder.exists()


def test_weights_that_are_not_finite_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.timm, "create_model", lambda name, pretrained: tiny(float("nan")))
    with pytest.raises(DownloadError, match="damaged"):
        hub.fetch_weights("vgg19")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../vgg19", "hf-hub:someone/model", "a b", ".hidden"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        hub.fetch_weights(name)
