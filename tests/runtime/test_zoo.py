"""Folders of models: what is believed, and what is refused in one line."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nevus.errors import ZooError
from nevus.runtime.networks import load_networks
from nevus.runtime.seal import dump_sealed
from nevus.runtime.session import open_session
from nevus.runtime.threads import Threads
from nevus.runtime.zoo import find_packaged, read_zoo, verify


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    edit(document)
    try:
        path.write_bytes(dump_sealed(document))
    except ValueError:  # what no sealed manifest can hold
        path.write_text(json.dumps(document), encoding="utf-8")


def test_cards(exported: Path) -> None:
    zoo = read_zoo(exported)
    assert [card.task for card in zoo.models] == ["segmentation", "attributes", "diagnosis"]
    assert list(zoo.cards) == ["segmentation", "attributes", "diagnosis"]
    card = zoo.cards["attributes"]
    assert card.serves == ("attributes", "segmentation")
    assert card.preparation.size == (48, 48)
    assert card.outputs == ("maps", "presences", "lesion")
    assert len(card.views) == 8
    assert card.rules().presences == (0.1,) * 5
    assert zoo.cards["segmentation"].rules().thresholds == (0.5,) * 5
    assert zoo.cards["segmentation"].calibration() is None
    assert zoo.cards["diagnosis"].about["licence"] == "none"
    assert len(verify(card)) == card.bytes


def test_of_two_models_for_a_task_one_must_go(models: Path) -> None:
    text = (models / "diagnosis.json").read_text(encoding="utf-8")
    (models / "again.json").write_text(text, encoding="utf-8")
    with pytest.raises(ZooError, match="two models for diagnosis"):
        read_zoo(models)


def test_the_packaged_folder_is_inside_the_package() -> None:
    import nevus

    assert find_packaged() == Path(nevus.__file__).parent / "zoo"


@pytest.mark.parametrize("place", ["nothing", "empty"])
def test_no_models(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ZooError, match="nevus export"):
        read_zoo(tmp_path / place)


def test_a_flipped_byte_never_reaches_onnxruntime(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = models / "diagnosis.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    import onnxruntime

    def opened(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(onnxruntime, "InferenceSession", opened)
    card = read_zoo(models).cards["diagnosis"]
    with pytest.raises(ZooError, match="sha256 is not its manifest's"):
        open_session(card)
    path.write_bytes(data[:-1])
    with pytest.raises(ZooError, match="its manifest says"):
        open_session(card)
    path.unlink()
    with pytest.raises(ZooError, match="cannot read"):
        open_session(card)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_out_of_the_folder_is_not_followed(models: Path, exported: Path) -> None:
    path = models / "diagnosis.onnx"
    path.unlink()
    path.symlink_to(exported / "diagnosis.onnx")
    with pytest.raises(ZooError, match="link out of its folder"):
        verify(read_zoo(models).cards["diagnosis"])


def test_a_foreign_model_with_the_right_hash(models: Path) -> None:
    import hashlib

    data = b"\x08\x07 no model at all"
    (models / "diagnosis.onnx").write_bytes(data)
    change(
        models / "diagnosis.json",
        lambda d: d.update(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data)),
    )
    with pytest.raises(ZooError, match="is no model onnxruntime"):
        load_networks(models)


def test_a_model_of_another_size_than_its_manifest_says(models: Path) -> None:
    change(models / "diagnosis.json", lambda d: d["preparation"].update(size=[64, 64]))
    with pytest.raises(ZooError, match="its manifest says"):
        load_networks(models)


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "format": lambda d: d.update(format=1),
    "later format": lambda d: d.update(format=99),
    "task": lambda d: d.update(task="prognosis"),
    "another task": lambda d: d.update(task="segmentation"),
    "path": lambda d: d.update(file="../diagnosis.onnx"),
    "absolute": lambda d: d.update(file="/etc/passwd"),
    "hash": lambda d: d.update(sha256="abc"),
    "size": lambda d: d.update(bytes=-1),
    "huge side": lambda d: d["preparation"].update(size=[48, 10**6]),
    "text for a number": lambda d: d["preparation"].update(size=["48", 48]),
    "oblong turns": lambda d: d["preparation"].update(size=[48, 64]),
    "temperature": lambda d: d["fitted"]["temperature"].update(logits=0),
    "infinite": lambda d: d["fitted"]["temperature"].update(logits=1e999),
    "unsorted": lambda d: d["fitted"]["calibration"]["all"]["both"]["scores"].update(
        MEL=[0.2, 0.1]
    ),
    "score": lambda d: d["fitted"]["calibration"]["all"]["both"]["scores"].update(MEL=[2.0]),
    "label": lambda d: d["gallery"]["labels"].__setitem__(0, 7),
    "gallery": lambda d: d["gallery"]["labels"].pop(),
    "labels": lambda d: d["labels"].reverse(),
    "outputs": lambda d: d["outputs"].reverse(),
    "serves": lambda d: d.update(serves=["diagnosis", "segmentation"]),
    "unknown key": lambda d: d.update(command="rm"),
    "missing key": lambda d: d.pop("preparation"),
    "list": lambda d: d.update(about=[]),
}


@pytest.mark.parametrize("what", WRONG)
def test_manifests_are_checked_value_by_value(models: Path, what: str) -> None:
    change(models / "diagnosis.json", WRONG[what])
    with pytest.raises(ZooError) as caught:
        read_zoo(models)
    assert "diagnosis.json" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_any_flipped_bit_of_a_manifest_is_refused(models: Path) -> None:
    path = models / "diagnosis.json"
    whole = path.read_bytes()
    draw = random.Random(0)
    for place in (0, len(whole) - 1, *draw.sample(range(len(whole)), 300)):
        changed = bytearray(whole)
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(ZooError):
            read_zoo(models)
    path.write_bytes(whole)
    assert read_zoo(models).cards["diagnosis"].path == models / "diagnosis.onnx"


def test_a_manifest_that_nobody_sealed(models: Path) -> None:
    path = models / "diagnosis.json"
    document = json.loads(path.read_bytes())
    document["fitted"]["temperature"]["logits"] *= 2
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ZooError, match="manifest_sha256 does not fit"):
        read_zoo(models)
    del document["manifest_sha256"]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ZooError, match="manifest_sha256 does not fit"):
        read_zoo(models)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"\xff\xfe", b"{" * 100_000, b'{"format": 3, "bytes": NaN}']
)
def test_what_is_no_manifest(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "model.json").write_bytes(text)
    with pytest.raises(ZooError, match="no manifest"):
        read_zoo(tmp_path)


def test_a_whole_folder_in_one_manifest(models: Path, tmp_path: Path) -> None:
    from importlib.util import module_from_spec, spec_from_file_location

    tool = Path(__file__).parents[2] / "tools" / "build_zoo.py"
    if not tool.is_file():
        pytest.skip("tools/ is not part of the source distribution")
    spec = spec_from_file_location("build_zoo", tool)
    assert spec is not None
    assert spec.loader is not None
    built = module_from_spec(spec)
    spec.loader.exec_module(built)
    out = tmp_path / "zoo"
    out.mkdir()
    (out / "older.onnx").write_bytes(b"old")
    manifests = sorted(models.glob("*.json"))
    built.build_zoo(manifests, out)
    first = (out / "manifest.json").read_bytes()
    built.build_zoo(manifests[::-1], out)
    assert (out / "manifest.json").read_bytes() == first
    assert sorted(path.name for path in out.iterdir()) == [
        "attributes.onnx", "diagnosis.onnx", "manifest.json", "segmentation.onnx",
    ]  # fmt: skip
    old, new = read_zoo(models), read_zoo(out)
    for mine, theirs in zip(old.models, new.models, strict=True):
        assert (mine.fitted, mine.about, mine.sha256) == (
            theirs.fitted,
            theirs.about,
            theirs.sha256,
        )


def test_listing_models(exported: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nevus.cli.modelling import models as list_models

    list_models(exported, as_json=False)
    text = capsys.readouterr().out
    assert "licence  none" in text
    assert "Research use only" in text
    list_models(exported, as_json=True)
    listed = json.loads(capsys.readouterr().out)["models"]
    assert [one["answers"] for one in listed] == [["segmentation"], ["attributes"], ["diagnosis"]]
    assert listed[0]["scores"] == {"jaccard": 0.5, "n": 9}
    (models / "attributes.onnx").write_bytes(b"")
    with pytest.raises(ZooError):
        list_models(models, as_json=False)


def test_views_of_one_batch_are_square_enough(exported: Path) -> None:
    session = open_session(read_zoo(exported).cards["segmentation"], threads=Threads(1))
    found, views = session.run_views(np.zeros((90, 70, 3), np.uint8))
    assert found["probability"].shape == (len(views), 1, 48, 64)
