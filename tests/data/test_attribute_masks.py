import shutil
from pathlib import Path

import numpy as np
import pytest

from nevus.data.attribute_checks import check_attributes
from nevus.data.attribute_masks import find_attribute_listing, find_attribute_records
from nevus.data.phantoms import write_phantoms
from nevus.data.task_checks import find_checks
from nevus.errors import DataError
from nevus.imaging.masks import write_mask
from nevus.labels import ATTRIBUTES, attribute_name

FIRST, SECOND = "ISIC_0000000", "ISIC_0000001"


@pytest.fixture
def root(drawn_attributes: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "root"
    shutil.copytree(drawn_attributes, copy)
    return copy


def test_records_have_five_masks_and_the_lesion(root: Path) -> None:
    records = find_attribute_records(root)
    assert len(records) == 24
    assert [r.image_id for r in records] == sorted(r.image_id for r in records)
    assert all(tuple(sorted(r.masks)) == tuple(sorted(ATTRIBUTES)) for r in records)
    assert all(r.lesion is not None and r.lesion.stem.startswith(r.image_id) for r in records)


def test_drawn_data_are_understood(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "d", 4, size=(48, 64), seed=0, tasks=("segmentation", "attributes"))
    records = find_attribute_records(tmp_path / "d")
    assert len(records) == 4
    assert all(r.lesion for r in records)


def test_the_last_edition_of_the_official_masks_is_taken(root: Path, tmp_path: Path) -> None:
    base = tmp_path / "official"
    shutil.copytree(root / "images", base / "ISIC2018_Task1-2_Training_Input")
    for ending in ("", "_v3"):
        place = base / f"ISIC2018_Task2_Training_GroundTruth{ending}"
        shutil.copytree(root / "attributes", place)
    listing = find_attribute_listing(base)
    assert listing.attributes.name.endswith("_v3")
    assert all(record.lesion is None for record in listing.records)


def test_every_fault_is_said_at_once(root: Path) -> None:
    folder = root / "attributes"
    (folder / attribute_name(FIRST, "globules")).unlink()
    (folder / attribute_name(SECOND, "streaks")).rename(folder / f"{SECOND}_attribute_streak.png")
    write_mask(folder / attribute_name("ISIC_0000099", "streaks"), np.zeros((4, 4), bool))
    shutil.copy(folder / attribute_name(FIRST, "streaks"), folder / f"{FIRST}_streaks.png")
    with pytest.raises(DataError) as caught:
        find_attribute_records(root)
    text = "; ".join(caught.value.problems)
    for said in (
        f"{FIRST}: mask of globules missing",
        f"{SECOND}: mask of streaks missing",
        "'streak' is no attribute; did you mean streaks?",
        "ISIC_0000099_attribute_streaks.png: mask without a photograph",
        f"{FIRST}_streaks.png: names no attribute",
    ):
        assert said in text
    assert "nevus data check" in str(caught.value)


def test_check_opens_everything(root: Path) -> None:
    write_mask(root / "attributes" / attribute_name(FIRST, "globules"), np.zeros((4, 4), bool))
    report = check_attributes(find_attribute_listing(root), lookalikes=False)
    codes = {code: len(group) for code, group in report.by_code().items()}
    assert codes["mask_size"] == 1
    assert codes["empty_attribute"] == 1
    table = report.tables["photographs with each attribute"]
    assert table["pigment_network"] == 24
    assert table["negative_network"] == 12
    assert table["streaks"] == 0


def test_a_root_calls_for_the_check_of_each_of_its_tasks(root: Path) -> None:
    assert list(find_checks(root)) == ["segmentation", "attributes"]


@pytest.mark.real
def test_real_masks(real: Path) -> None:
    records = find_attribute_records(real)
    assert len(records) == 2076
    assert all(record.lesion for record in records)
