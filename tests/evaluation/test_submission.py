"""A folder of masks to a zip: what is refused, what is warned of, and that zips repeat."""

import hashlib
import os
import zipfile

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from nevus.errors import SubmissionError, UsageError
from nevus.evaluation.inspection import describe_shape
from nevus.evaluation.submission import build_submission
from nevus.labels import segmentation_name

SIZE = (60, 80)


def draw_square(size=SIZE, value=255):
    pixels = np.zeros(size, dtype=np.uint8)
    pixels[20:40, 30:50] = value
    return pixels


@pytest.fixture
def folders(tmp_path):
    """Three photographs and their masks."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    for number in (1, 2, 3):
        Image.new("RGB", SIZE[::-1]).save(images / f"ISIC_{number:07d}.jpg")
        save(masks, number, draw_square())
    return images, masks


def save(masks, number, pixels, **options):
    Image.fromarray(pixels).save(masks / segmentation_name(f"ISIC_{number:07d}"), **options)


def find_problems(masks, images, tmp_path):
    out = tmp_path / "out.zip"
    with pytest.raises(SubmissionError) as caught:
        build_submission(masks, out, images=images)
    assert not out.exists()
    assert "\n" not in str(caught.value)
    return caught.value.problems


def test_good_masks_become_a_flat_zip(folders, tmp_path):
    images, masks = folders
    submission = build_submission(masks, tmp_path / "out.zip", images=images)
    assert (submission.n, submission.warnings) == (3, ())
    assert submission.sha256 == hashlib.sha256((tmp_path / "out.zip").read_bytes()).hexdigest()
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == [segmentation_name(f"ISIC_000000{k}") for k in (1, 2, 3)]
        with archive.open(archive.namelist()[0]) as member, Image.open(member) as image:
            assert image.mode == "L"
            assert np.array_equal(np.asarray(image), draw_square())


def test_the_same_masks_give_the_same_zip(folders, tmp_path):
    images, masks = folders
    first = build_submission(masks, tmp_path / "a.zip", images=images)
    for path in masks.iterdir():
        os.utime(path, (1, 1))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in sorted(masks.iterdir(), reverse=True):
        (copy / path.name).write_bytes(path.read_bytes())
    second = build_submission(copy, tmp_path / "b.zip", images=images, workers=1)
    assert first.sha256 == second.sha256


def test_comments_in_a_mask_stay_behind(folders, tmp_path):
    images, masks = folders
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Jane Doe")
    save(masks, 1, draw_square(), pnginfo=text)
    build_submission(masks, tmp_path / "out.zip", images=images)
    assert b"Jane" in (masks / segmentation_name("ISIC_0000001")).read_bytes()
    assert b"Jane" not in (tmp_path / "out.zip").read_bytes()


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (draw_square(value=1), "holds the values 1, expected 0 and 255 only"),
        (draw_square(value=1), "all of it would count as background"),
        (draw_square(value=128), "all of it would count as background"),
        (draw_square(value=129), "values up to 128 would count as background"),
        (np.arange(4800, dtype=np.uint8).reshape(SIZE), "1, 2, 3 and 251 more"),
        (draw_square() > 0, "is 1-bit; expected 8-bit, one channel"),
        (draw_square().astype(np.uint16), "is 16-bit; expected 8-bit, one channel"),
        (np.stack([draw_square()] * 3, axis=-1), "is RGB (3 channels)"),
        (np.stack([draw_square()] * 4, axis=-1), "is RGBA (4 channels)"),
        (draw_square((80, 60)), "is 80 x 60, its photograph 60 x 80 (height x width)"),
    ],
)
def test_what_a_mask_may_not_be(folders, tmp_path, pixels, message):
    images, masks = folders
    save(masks, 2, pixels)
    problems = find_problems(masks, images, tmp_path)
    assert len(problems) == 1
    assert problems[0].startswith("ISIC_0000002_segmentation.png ")
    assert message in problems[0]


def test_a_jpeg_named_png_is_refused(folders, tmp_path):
    images, masks = folders
    save(masks, 2, draw_square(), format="JPEG")
    (problem,) = find_problems(masks, images, tmp_path)
    assert "ISIC_0000002_segmentation.png" in problem
    assert "not a readable PNG" in problem


def test_a_cut_off_mask_is_refused(folders, tmp_path):
    images, masks = folders
    path = masks / segmentation_name("ISIC_0000002")
    noise = np.random.default_rng(0).integers(0, 2, SIZE, dtype=np.uint8) * 255
    save(masks, 2, noise)
    path.write_bytes(path.read_bytes()[:300])
    (problem,) = find_problems(masks, images, tmp_path)
    assert "ISIC_0000002_segmentation.png" in problem


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ISIC_0000001.png", "is not named like"),
        ("ISIC_0000001_segmentation.PNG", "is not named like"),
        ("ISIC_00000011_segmentation.png", "is not named like"),
        ("isic_0000001_segmentation.png", "is not named like"),
        ("ISIC_0000001_segmentation.json", "is not named like"),
        ("mask.png", "is not named like"),
        (".DS_Store", "is a hidden file"),
        ("._ISIC_0000001_segmentation.png", "is a hidden file"),
        ("ISIC_0000004_segmentation.png", "is extra: no such photograph"),
    ],
)
def test_names_that_are_in_the_way(folders, tmp_path, name, message):
    images, masks = folders
    if (masks / name).exists():
        pytest.skip("this file system does not tell upper from lower case")
    Image.fromarray(draw_square()).save(masks / name, format="PNG")
    (problem,) = find_problems(masks, images, tmp_path)
    assert name in problem
    assert message in problem


def test_all_problems_at_once(folders, tmp_path):
    images, masks = folders
    (masks / segmentation_name("ISIC_0000001")).unlink()
    save(masks, 2, draw_square(value=1).T.copy())
    (masks / "more").mkdir()
    save(masks, 9, draw_square())
    problems = find_problems(masks, images, tmp_path)
    for part in ("0000001_segmentation.png is missing", "is 80 x 60", "'more' is a folder",
                 "the values 1", "0000009_segmentation.png is extra"):  # fmt: skip
        assert sum(part in problem for problem in problems) == 1, part
    assert len(problems) == 5


def test_other_files_are_left_out_with_a_warning(folders, tmp_path):
    images, masks = folders
    (masks / "errors.csv").touch()
    submission = build_submission(masks, tmp_path / "out.zip", images=images)
    assert submission.warnings == ("left out, no masks: 'errors.csv'",)


def test_odd_shapes_are_warned_of(folders, tmp_path):
    images, masks = folders
    save(masks, 1, np.zeros(SIZE, np.uint8))
    torn = draw_square()
    torn[50:55, 5:9] = 255
    torn[25:30, 35:40] = 0
    save(masks, 2, torn)
    submission = build_submission(masks, tmp_path / "out.zip", images=images)
    assert submission.warnings == (
        "ISIC_0000001_segmentation.png is empty: no lesion at all",
        "ISIC_0000002_segmentation.png has 2 regions; the challenge asks for one",
        "ISIC_0000002_segmentation.png has 1 hole; the challenge asks for none",
    )


def parse(*rows):
    return np.array([[sign == "#" for sign in row] for row in rows])


@pytest.mark.parametrize(
    ("mask", "parts"),
    [
        (parse("....", ".##.", "...."), []),
        (parse("#...", ".#..", "...."), []),
        (parse("#..#", "....", "...."), ["2 regions"]),
        (parse("###.", "#.#.", "###."), ["1 hole;"]),
        (parse("###", "#.#", "#.#"), []),
        (parse(".#.", "#.#", ".#."), ["1 hole;"]),
        (parse("##", "##"), ["is full"]),
        (parse("..", ".."), ["is empty"]),
    ],
)
def test_shapes_by_hand(mask, parts):
    notes = describe_shape(mask)
    assert len(notes) == len(parts)
    assert all(part in note for part, note in zip(parts, notes, strict=True))


def test_truth_ids_tell_what_is_missing(folders, tmp_path):
    _, masks = folders
    ids = tmp_path / "ids.csv"
    ids.write_text("image_id\nISIC_0000001\n\nISIC_0000002,NV\nISIC_0000004\n", encoding="utf-8")
    with pytest.raises(SubmissionError) as caught:
        build_submission(masks, tmp_path / "out.zip", truth_ids=ids)
    assert caught.value.problems == (
        "ISIC_0000004_segmentation.png is missing",
        "ISIC_0000003_segmentation.png is extra: no such photograph",
    )
    ids.write_text("ISIC_0000001\nISIC_0000002\nISIC_0000003\n", encoding="utf-8")
    submission = build_submission(masks, tmp_path / "out.zip", truth_ids=ids)
    assert submission.warnings == ("sizes were not checked: --images is not given",)


def test_without_a_list_it_says_what_was_not_checked(folders, tmp_path):
    _, masks = folders
    (warning,) = build_submission(masks, tmp_path / "out.zip").warnings
    assert "were not checked" in warning


def test_a_refused_folder_keeps_the_older_zip(folders, tmp_path):
    images, masks = folders
    out = tmp_path / "out.zip"
    build_submission(masks, out, images=images)
    before = out.read_bytes()
    save(masks, 1, draw_square(value=1))
    with pytest.raises(SubmissionError):
        build_submission(masks, out, images=images)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_wrong_use(folders, tmp_path):
    images, masks = folders
    out = tmp_path / "out.zip"
    ids = tmp_path / "ids.txt"
    ids.write_text("ISIC_0000001\nhello\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2"):
        build_submission(masks, out, truth_ids=ids)
    with pytest.raises(UsageError, match="exclude each other"):
        build_submission(masks, out, truth_ids=ids, images=images)
    with pytest.raises(UsageError, match="does not end in"):
        build_submission(masks, tmp_path / "out.tar", images=images)
    with pytest.raises(UsageError, match="not a folder"):
        build_submission(tmp_path / "absent", out, images=images)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no photograph"):
        build_submission(masks, out, images=tmp_path / "empty")
    with pytest.raises(UsageError, match="cannot be written"):
        build_submission(masks, tmp_path / "absent" / "out.zip", images=images)
