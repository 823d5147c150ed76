"""Finding photographs and masks: layouts, names, and every problem at once."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.data.records import (
    SOURCES,
    Record,
    find_listing,
    find_records,
    find_records_in,
    list_folders,
)
from nevus.errors import DataError


def save(path: Path, side: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side), 90, np.uint8)).save(path)
    return path


def fill(root: Path, images: str, masks: str, suffix: str = "_segmentation") -> Path:
    for name in ("ISIC_0000002", "ISIC_0000001"):
        save(root / images / f"{name}.jpg")
        save(root / masks / f"{name}{suffix}.png")
    return root


def link(place: Path, target: Path) -> None:
    try:
        place.symlink_to(target)
    except OSError as error:
        pytest.skip(f"no symbolic links here: {error}")


@pytest.mark.parametrize("part", ["Training", "Validation", "Test"])
def test_official_layout(tmp_path: Path, part: str) -> None:
    images, masks = f"ISIC2018_Task1-2_{part}_Input", f"ISIC2018_Task1_{part}_GroundTruth"
    fill(tmp_path, images, masks)
    for extra in ("ATTRIBUTION.txt", "LICENSE.txt", "ISIC_0000001_superpixels.png"):
        (tmp_path / images / extra).write_bytes(b"-")
        (tmp_path / masks / extra).write_bytes(b"-")
    records = find_records(tmp_path)
    assert [record.image_id for record in records] == ["ISIC_0000001", "ISIC_0000002"]
    assert records[0] == Record(
        "ISIC_0000001",
        tmp_path / images / "ISIC_0000001.jpg",
        tmp_path / masks / "ISIC_0000001_segmentation.png",
    )


def test_training_is_chosen_and_isic2018_entered(tmp_path: Path) -> None:
    for part in ("Test", "Training", "Validation"):
        images, masks = f"ISIC2018_Task1-2_{part}_Input", f"ISIC2018_Task1_{part}_GroundTruth"
        fill(tmp_path / "isic2018", images, masks)
    assert find_records(tmp_path)[0].image.parent.name == "ISIC2018_Task1-2_Training_Input"


@pytest.mark.parametrize("images", ["images", "Photographs", "input", "img"])
@pytest.mark.parametrize("masks", ["masks", "labels", "GroundTruth", "mask", "segmentations"])
@pytest.mark.parametrize("suffix", ["", "_segmentation", "_mask"])
def test_usual_folder_names(tmp_path: Path, images: str, masks: str, suffix: str) -> None:
    fill(tmp_path, images, masks, suffix)
    records = find_records(tmp_path)
    assert [record.mask and record.mask.name for record in records] == [
        f"ISIC_0000001{suffix}.png",
        f"ISIC_0000002{suffix}.png",
    ]


def test_every_source_declines_a_strange_folder_and_lists_its_own(tmp_path: Path) -> None:
    save(tmp_path / "other" / "a.jpg")
    assert all(source(tmp_path) is None for source in SOURCES.values())


def test_all_problems_at_once(tmp_path: Path) -> None:
    fill(tmp_path, "images", "masks")
    save(tmp_path / "images" / "ISIC_0000001.png")
    save(tmp_path / "images" / "ISIC_0000003.jpg")
    save(tmp_path / "images" / "ISIC_0000004.jpg")
    save(tmp_path / "masks" / "ISIC_0000009.png")
    save(tmp_path / "masks" / "ISIC_0000002_mask.png")
    with pytest.raises(DataError) as caught:
        find_records(tmp_path)
    assert sorted(caught.value.problems) == [
        "ISIC_0000001: photograph doubled as ISIC_0000001.jpg and ISIC_0000001.png",
        "ISIC_0000002: mask doubled as ISIC_0000002_mask.png and ISIC_0000002_segmentation.png",
        "ISIC_0000003: mask missing",
        "ISIC_0000004: mask missing",
        "ISIC_0000009.png: mask without a photograph",
    ]
    assert "and 2 more" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_masks_may_be_missing_where_nobody_needs_them(tmp_path: Path) -> None:
    fill(tmp_path, "images", "masks")
    save(tmp_path / "images" / "ISIC_0000003.jpg")
    records = find_records(tmp_path, require_masks=False)
    assert [record.mask is None for record in records] == [False, False, True]
    only = find_records_in(tmp_path / "images")
    assert all(record.mask is None for record in only)
    save(tmp_path / "images" / "ISIC_0000003.png")
    with pytest.raises(DataError, match="doubled"):
        find_records(tmp_path, require_masks=False)


def test_an_unknown_layout_says_what_is_there_and_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    with pytest.raises(DataError, match="it holds holiday") as caught:
        find_records(tmp_path)
    assert "ISIC2018_Task1-2_Training_Input" in str(caught.value)
    with pytest.raises(DataError, match="no folder"):
        find_records(tmp_path / "nowhere")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="holds no photographs"):
        find_records(tmp_path)
    save(tmp_path / "images" / "a.jpg")
    with pytest.raises(DataError, match="no folder of masks"):
        find_records(tmp_path)
    with pytest.raises(DataError, match="no folder"):
        find_records_in(tmp_path / "images", tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["-rf", "=cmd()", "naevus é ü 痣", "it's", "a b", "_mask", "x_mask"]
)
def test_strange_names(tmp_path: Path, name: str) -> None:
    save(tmp_path / "images" / f"{name}.jpg")
    save(tmp_path / "masks" / f"{name}_segmentation.png")
    assert [record.image_id for record in find_records(tmp_path)] == [name]


@pytest.mark.skipif(os.name == "nt", reason="Windows forbids such names")
def test_names_that_could_break_a_line(tmp_path: Path) -> None:
    save(tmp_path / "images" / 'a"\nb.jpg')
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError) as caught:
        find_records(tmp_path)
    assert caught.value.problems == ('a"\\nb: mask missing',)
    assert "\n" not in str(caught.value)


def test_an_accent_stored_as_one_sign_or_as_two_is_the_same(tmp_path: Path) -> None:
    save(tmp_path / "images" / (unicodedata.normalize("NFC", "é") + ".jpg"))
    save(tmp_path / "masks" / (unicodedata.normalize("NFD", "é") + ".png"))
    assert find_records(tmp_path)[0].mask is not None


def test_photographs_and_masks_in_one_folder(tmp_path: Path) -> None:
    for name in ("a.jpg", "a_segmentation.png", "b.png", "b_mask.png"):
        save(tmp_path / name)
    records = find_records_in(tmp_path, tmp_path)
    assert [(r.image.name, r.mask and r.mask.name) for r in records] == [
        ("a.jpg", "a_segmentation.png"),
        ("b.png", "b_mask.png"),
    ]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, "images", "masks")
    secret = save(tmp_path / "elsewhere" / "secret.jpg")
    link(tmp_path / "images" / "ISIC_0000003.jpg", secret)
    link(tmp_path / "images" / "ISIC_0000004.jpg", tmp_path / "images" / "gone.jpg")
    link(tmp_path / "images" / "ISIC_0000005.jpg", tmp_path / "images" / "ISIC_0000005.jpg")
    (tmp_path / "images" / "folder.jpg").mkdir()
    assert len(find_records(tmp_path)) == 2
    findings = [(finding.code, finding.name) for finding in find_listing(tmp_path).findings]
    assert findings == [
        ("link", "ISIC_0000003.jpg"),
        ("not_a_file", "ISIC_0000004.jpg"),
        ("not_a_file", "ISIC_0000005.jpg"),
        ("not_a_file", "folder.jpg"),
    ]


def test_a_folder_of_links_says_why_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    link(tmp_path / "images" / "a.jpg", save(tmp_path / "elsewhere" / "a.jpg"))
    with pytest.raises(DataError, match="1 links out of it are not followed"):
        find_records_in(tmp_path / "images")


def test_listing_is_sorted_whatever_the_folder_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "images", "masks")
    before = list_folders(tmp_path / "images", tmp_path / "masks")
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: sorted(listed(self), reverse=True))
    assert list_folders(tmp_path / "images", tmp_path / "masks") == before


@pytest.mark.real
def test_the_real_training_set(real: Path) -> None:
    records = find_records(real / "isic2018")
    assert len(records) == 2076
    assert all(record.mask is not None for record in records)
