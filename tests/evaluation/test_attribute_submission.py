import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.errors import SubmissionError
from nevus.evaluation.attribute_submission import build_attribute_submission
from nevus.imaging.masks import write_mask
from nevus.labels import ATTRIBUTES, attribute_name

IDS = ("ISIC_0000001", "ISIC_0000002")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for image_id in IDS:
        Image.new("RGB", (50, 40)).save(folder / f"{image_id}.png")
    return folder


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    for image_id in IDS:
        for place, name in enumerate(ATTRIBUTES):
            mask = np.zeros((40, 50), bool)
            mask[: place * 4] = True
            write_mask(folder / attribute_name(image_id, name), mask)
    return folder


def test_ten_masks_become_one_zip(masks: Path, images: Path, tmp_path: Path) -> None:
    submission = build_attribute_submission(masks, tmp_path / "a.zip", images=images)
    assert submission.n == 2
    with zipfile.ZipFile(submission.path) as archive:
        assert archive.namelist() == sorted(path.name for path in masks.iterdir())
    again = build_attribute_submission(masks, tmp_path / "b.zip", images=images)
    assert again.sha256 == submission.sha256


def test_all_faults_are_said_at_once(masks: Path, images: Path, tmp_path: Path) -> None:
    (masks / attribute_name(IDS[0], "streaks")).rename(masks / f"{IDS[0]}_attribute_streak.png")
    (masks / attribute_name(IDS[1], "globules")).unlink()
    write_mask(masks / attribute_name(IDS[1], "streaks"), np.zeros((10, 50), bool))
    write_mask(masks / attribute_name("ISIC_0000009", "streaks"), np.zeros((40, 50), bool))
    Image.new("L", (50, 40), 7).save(masks / attribute_name(IDS[0], "globules"))
    with pytest.raises(SubmissionError) as caught:
        build_attribute_submission(masks, tmp_path / "a.zip", images=images)
    text = "; ".join(caught.value.problems)
    for said in (
        "did you mean streaks?",
        f"{attribute_name(IDS[0], 'streaks')} is missing",
        f"{attribute_name(IDS[1], 'globules')} is missing",
        "ISIC_0000009 is extra",
        attribute_name(IDS[1], "streaks"),
        attribute_name(IDS[0], "globules"),
    ):
        assert said in text
    assert not (tmp_path / "a.zip").exists()


def test_without_photographs_it_says_what_was_not_checked(masks: Path, tmp_path: Path) -> None:
    submission = build_attribute_submission(masks, tmp_path / "a.zip")
    assert any("were not checked" in warning for warning in submission.warnings)
