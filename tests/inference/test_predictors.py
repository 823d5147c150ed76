"""Folders of photographs to files, with networks that say the same of every photograph."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nevus.errors import UsageError
from nevus.inference.attribute_predictor import predict_attribute_folder
from nevus.inference.diagnosis_predictor import predict_diagnosis_folder
from nevus.inference.inputs import Failure, refuse_same_names
from nevus.inference.predictor import predict_folder
from nevus.labels import ATTRIBUTES

Predict = Callable[[Sequence[Path], Path], list[Failure]]


def predict_masks(images: Sequence[Path], out: Path) -> list[Failure]:
    network = SimpleNamespace(probability=lambda pixels: np.zeros(pixels.shape[:2], np.float32))
    return predict_folder(network, images, out, steps=())


def predict_attributes(images: Sequence[Path], out: Path) -> list[Failure]:
    count = len(ATTRIBUTES)
    network = SimpleNamespace(
        detect=lambda pixels: SimpleNamespace(
            maps=np.zeros((count, *pixels.shape[:2]), np.float32), presences=np.zeros(count)
        )
    )
    rules = SimpleNamespace(apply=lambda maps, _presences: maps > 0.5)
    return predict_attribute_folder([network], images, out, rules=rules)


def predict_diagnoses(images: Sequence[Path], out: Path) -> list[Failure]:
    answer = SimpleNamespace(probabilities=np.full(7, 1 / 7), similar=())
    return predict_diagnosis_folder([SimpleNamespace(diagnose=lambda _pixels: answer)], images, out)


WAYS = [predict_masks, predict_attributes, predict_diagnoses]


def draw(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(path)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("predict", WAYS)
def test_names_that_are_no_utf_8(predict: Predict, tmp_path: Path) -> None:
    images = [draw(tmp_path / "in" / os.fsdecode(b"b\xff.png")), draw(tmp_path / "in" / "c.png")]
    assert predict(images, tmp_path / "out") == []
    table = tmp_path / "out" / "diagnosis.csv"
    if predict is predict_diagnoses:
        rows = table.read_text(encoding="utf-8").splitlines()
        assert [row.split(",")[0] for row in rows] == ["image", "b\\udcff", "c"]


@pytest.mark.parametrize("predict", WAYS)
@pytest.mark.parametrize("other", ["b/one.png", "a/one.jpg", "b/ONE.png", "b/One.jpg"])
def test_two_photographs_of_one_name_are_refused(
    predict: Predict, other: str, tmp_path: Path
) -> None:
    images = [draw(tmp_path / "a" / "one.png"), draw(tmp_path / other)]
    with pytest.raises(UsageError, match=rf"a/one\.png and .*{re.escape(other)} have one name"):
        predict(images, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_accents_written_in_two_ways_are_one_name() -> None:
    with pytest.raises(UsageError, match="one name"):
        refuse_same_names([Path("a/n\u00e6vus-\u00e9.jpg"), Path("b/n\u00e6vus-e\u0301.jpg")])
    refuse_same_names([Path("a/one.jpg"), Path("a/one-2.jpg"), Path("b/two.jpg")])
