from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.data.phantoms import draw_phantom, write_phantoms
from nevus.data.records import find_records
from nevus.errors import UsageError
from nevus.imaging.masks import read_scored
from nevus.labels import ATTRIBUTES, DIAGNOSES


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("diagnosis", DIAGNOSES)
def test_truth_lies_where_it_should(diagnosis: str) -> None:
    for index in range(2):
        phantom = draw_phantom(1, index, size=(96, 128), diagnosis=diagnosis)
        assert phantom.pixels.shape == (96, 128, 3)
        assert phantom.pixels.dtype == np.uint8
        assert 0.02 < phantom.lesion.mean() < 0.75
        assert tuple(phantom.attributes) == ATTRIBUTES
        for mask in phantom.attributes.values():
            assert not bool((mask & ~phantom.lesion).any())


def test_lesions_are_darker_than_skin() -> None:
    darker = 0
    for index in range(12):
        phantom = draw_phantom(0, index, diagnosis="NV")
        grey = phantom.pixels.mean(axis=2)
        middle = grey[48:144, 64:192]
        inside = phantom.lesion[48:144, 64:192]
        darker += int(middle[inside].mean() < middle[~inside].mean())
    assert darker >= 11


def test_every_attribute_is_drawn_sometimes() -> None:
    seen = dict.fromkeys(ATTRIBUTES, 0)
    for index in range(100):
        for name, mask in draw_phantom(0, index, size=(48, 64)).attributes.items():
            seen[name] += bool(mask.any())
    assert all(0 < count < 100 for count in seen.values()), seen


def test_pure_function_of_seed_and_index() -> None:
    first, second = draw_phantom(3, 5), draw_phantom(3, 5)
    assert np.array_equal(first.pixels, second.pixels)
    assert not np.array_equal(first.pixels, draw_phantom(3, 6).pixels)
    assert not np.array_equal(first.pixels, draw_phantom(4, 5).pixels)


def test_tree_is_official_and_byte_identical(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "a", 5, size=(48, 64), seed=2)
    write_phantoms(tmp_path / "b", 5, size=(48, 64), seed=2)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    records = find_records(tmp_path / "a")
    assert [r.image_id for r in records] == [f"ISIC_{9_000_000 + i}" for i in range(5)]
    phantom = draw_phantom(2, 3, size=(48, 64))
    assert records[3].mask is not None
    assert np.array_equal(read_scored(records[3].mask), phantom.lesion)
    with Image.open(records[3].image) as image:
        assert image.size == (64, 48)
    table = tmp_path / "a/ISIC2018_Task3_Training_GroundTruth"
    rows = (table / "ISIC2018_Task3_Training_GroundTruth.csv").read_text().splitlines()
    assert rows[0] == "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"
    assert all(row.split(",")[1:].count("1.0") == 1 for row in rows[1:])
    assert len(list((tmp_path / "a").rglob("*_attribute_*.png"))) == 25


def test_foreign_folder_and_unknown_task_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="not empty"):
        write_phantoms(tmp_path, 1)
    with pytest.raises(UsageError, match="unknown task"):
        write_phantoms(tmp_path / "new", 1, tasks=("segmentatoin",))
