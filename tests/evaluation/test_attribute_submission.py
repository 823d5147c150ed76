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


def test_attributes_may_be_empty_and_in_many_pieces(
    masks: Path, images: Path, tmp_path: Path
) -> None:
    dots = np.zeros((40, 50), bool)
    dots[::4, ::4] = True
    write_mask(masks / attribute_name(IDS[0], "globules"), dots)
    (masks / "presences.json").write_text("{}", encoding="utf-8")
    submission = build_attribute_submission(masks, tmp_path / "a.zip", images=images)
    assert submission.warnings == ("left out, no masks: 'presences.json'",)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ISIC_0000001_attribute_streaks.jpg", "is not named like"),
        ("ISIC_0000001_streaks.png", "is not named like"),
        ("ISIC_1_attribute_streaks.png", "is not named like"),
        ("ISIC_0000009_attribute_STREAKS.png", "'STREAKS' is no attribute"),
        (".ISIC_0000001_attribute_streaks.png", "is a hidden file"),
        ("ISIC_0000001_attribute_network.png", "did you mean"),
    ],
)
def test_names_are_held_to_the_letter(
    name: str, said: str, masks: Path, images: Path, tmp_path: Path
) -> None:
    (masks / name).write_bytes(b"")
    with pytest.raises(SubmissionError, match=said):
        build_attribute_submission(masks, tmp_path / "a.zip", images=images)


def test_folders_and_an_empty_folder_are_refused(masks: Path, images: Path, tmp_path: Path) -> None:
    (masks / "more").mkdir()
    with pytest.raises(SubmissionError, match="'more' is a folder"):
        build_attribute_submission(masks, tmp_path / "a.zip", images=images)
    with pytest.raises(SubmissionError, match="there is no mask"):
        build_attribute_submission(masks / "more", tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (Image.new("RGB", (50, 40)), "RGB"),
        (Image.new("1", (50, 40)), "1-bit"),
        (Image.new("L", (50, 40), 1), "0 and 255 only"),
        (Image.new("I;16", (50, 40)), "16-bit"),
        (Image.new("L", (40, 50)), "50 x 40, its photograph 40 x 50"),
    ],
)
def test_pictures_that_would_score_wrongly(
    picture: Image.Image, said: str, masks: Path, images: Path, tmp_path: Path
) -> None:
    picture.save(masks / attribute_name(IDS[0], "globules"))
    with pytest.raises(SubmissionError, match=said):
        build_attribute_submission(masks, tmp_path / "a.zip", images=images)


def test_ids_alone_tell_what_is_missing(masks: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n".join([*IDS, "ISIC_0000003"]), encoding="utf-8")
    with pytest.raises(SubmissionError) as caught:
        build_attribute_submission(masks, tmp_path / "a.zip", truth_ids=tmp_path / "ids.txt")
    assert caught.value.problems == tuple(
        f"{attribute_name('ISIC_0000003', name)} is missing" for name in ATTRIBUTES
    )
