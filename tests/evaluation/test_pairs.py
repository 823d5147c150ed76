"""Which files belong together, and what stands in the way."""

import zipfile
from pathlib import Path

import pytest

from nevus.errors import ArchiveError, ImageError, UsageError
from nevus.evaluation.pairs import (
    MaskFile,
    find_image_id,
    find_photographs,
    find_truth_folder,
    open_masks,
    pair_masks,
)


def make_files(*names):
    return [MaskFile(name, Path("folder") / name) for name in names]


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("ISIC_0000001_segmentation.png", "ISIC_0000001"),
        ("ISIC_0000001_segmentation_prediction.png", "ISIC_0000001"),
        ("masks_of_ISIC_0000001.png", "ISIC_0000001"),
        ("IMD002_segmentation.png", "IMD002"),
        ("IMD002_segmentation_prediction.png", "IMD002"),
        ("IMD002.png", "IMD002"),
        ("IMD002_mask.png", "IMD002"),
    ],
)
def test_image_id_of_a_name(name, image_id):
    assert find_image_id(name) == image_id


def test_pairs_are_sorted_and_licence_files_ignored():
    pairing = pair_masks(
        make_files("ISIC_0000002_segmentation.png", "ISIC_0000001_segmentation.png", "LICENSE.txt"),
        make_files("ISIC_0000002_segmentation.png", "x_0000001.png", "errors.csv"),
    )
    assert [(pair.image_id, pair.prediction.name) for pair in pairing.pairs] == [
        ("ISIC_0000001", "x_0000001.png"),
        ("ISIC_0000002", "ISIC_0000002_segmentation.png"),
    ]
    assert (pairing.missing, pairing.extra, pairing.problems) == ((), (), ())


def test_everything_that_does_not_fit_is_named():
    pairing = pair_masks(
        make_files(
            "ISIC_0000001_segmentation.png",
            "ISIC_0000002_segmentation.png",
            "ISIC_0000003_attribute_streaks.png",
            "ISIC_0000003_attribute_globules.png",
        ),
        make_files(
            "ISIC_0000001_segmentation.png",
            "._ISIC_0000001_segmentation.png",
            "ISIC_0000003_segmentation.png",
            "ISIC_0000009_segmentation.png",
        ),
    )
    assert pairing.pairs == ()
    assert pairing.missing == ("ISIC_0000002",)
    assert pairing.extra == ("ISIC_0000009_segmentation.png",)
    assert len(pairing.problems) == 2
    assert "ISIC_0000001 has 2 predictions" in pairing.problems[0]
    assert "ISIC_0000003 has 2 truth files" in pairing.problems[1]


def test_eight_digits_match_both_numbers_as_officially():
    pairing = pair_masks(
        make_files("ISIC_0000019_segmentation.png", "ISIC_0000193_segmentation.png"),
        make_files("00000193.png"),
    )
    assert [pair.prediction.name for pair in pairing.pairs] == ["00000193.png"] * 2


def make_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def test_zip_is_flattened_and_read(tmp_path):
    path = make_zip(
        tmp_path / "masks.zip",
        [("deep/ISIC_0000002.png", b"two"), ("ISIC_0000001.png", b"one"), ("__MACOSX/x.png", b"")],
    )
    with open_masks(path) as files:
        assert [(file.name, file.open()) for file in files] == [
            ("ISIC_0000001.png", b"one"),
            ("ISIC_0000002.png", b"two"),
        ]


@pytest.mark.parametrize("name", ["../ISIC_0000001.png", "/ISIC_0000001.png", "a/../../b.png"])
def test_zip_that_points_outside_is_refused(tmp_path, name):
    with (
        pytest.raises(ArchiveError, match="outside itself"),
        open_masks(make_zip(tmp_path / "masks.zip", [(name, b"")])),
    ):
        pass


def test_zip_with_an_encrypted_member_is_refused(tmp_path):
    path = make_zip(tmp_path / "masks.zip", [("ISIC_0000001.png", b"data")])
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(ArchiveError, match="encrypted"), open_masks(path):
        pass


def test_zip_with_a_giant_member_is_refused(tmp_path):
    path = make_zip(tmp_path / "masks.zip", [])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ISIC_0000001.png", bytes(33 * 2**20))
    with pytest.raises(ArchiveError, match="unpacks to"), open_masks(path):
        pass


def test_damaged_member_is_an_image_error(tmp_path):
    path = make_zip(tmp_path / "masks.zip", [("ISIC_0000001.png", b"some data here")])
    path.write_bytes(path.read_bytes().replace(b"some data", b"SOME DATA"))
    with open_masks(path) as files, pytest.raises(ImageError, match="cannot be unpacked"):
        files[0].open()


@pytest.mark.parametrize("name", [b".\0q", b"\0qq", b"./."])
def test_zip_with_a_file_without_a_name_is_refused(tmp_path, name):
    path = make_zip(tmp_path / "masks.zip", [("qqq", b"data")])
    # Python cuts names at a zero byte.
    path.write_bytes(path.read_bytes().replace(b"qqq", name))
    with pytest.raises(ArchiveError, match="without a name"), open_masks(path):
        pass


def test_folders_in_a_zip_are_passed_over(tmp_path):
    path = make_zip(tmp_path / "masks.zip", [("./", b""), ("a/", b""), ("a/b.png", b"1")])
    with open_masks(path) as files:
        assert [file.name for file in files] == ["b.png"]


def test_zip_from_the_future_or_with_broken_names_is_refused(tmp_path):
    path = make_zip(tmp_path / "masks.zip", [("ISIC_é.png", b"data")])
    good = path.read_bytes()
    entry = good.index(b"PK\x01\x02")
    future = bytearray(good)
    future[entry + 6] = 255
    for bad in (bytes(future), good.replace("é".encode(), b"\xff\xff")):
        path.write_bytes(bad)
        with pytest.raises(ArchiveError, match="neither a folder nor"), open_masks(path):
            pass


def test_damaged_lzma_member_is_an_image_error(tmp_path):
    path = tmp_path / "masks.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("ISIC_0000001.png", bytes(range(256)) * 20)
    data = bytearray(path.read_bytes())
    data[60:100] = b"\xff" * 40
    path.write_bytes(data)
    with open_masks(path) as files, pytest.raises(ImageError, match="cannot be unpacked"):
        files[0].open()


def test_neither_folder_nor_zip(tmp_path):
    (tmp_path / "note.txt").write_text("hello")
    with (
        pytest.raises(ArchiveError, match="neither a folder nor"),
        open_masks(tmp_path / "note.txt"),
    ):
        pass
    with pytest.raises(UsageError, match="does not exist"), open_masks(tmp_path / "absent"):
        pass


def test_data_root_names_its_folders(tmp_path):
    truth = tmp_path / "isic2018" / "ISIC2018_Task1_Training_GroundTruth"
    images = tmp_path / "isic2018" / "ISIC2018_Task1-2_Training_Input"
    truth.mkdir(parents=True)
    images.mkdir()
    (images / "ISIC_0000001.jpg").touch()
    (images / "ISIC_0000001_segmentation.png").touch()
    (images / "LICENSE.txt").touch()
    assert find_truth_folder(tmp_path) == truth
    assert find_truth_folder(tmp_path / "isic2018") == truth
    assert find_truth_folder(truth) == truth
    assert find_photographs(tmp_path) == {"ISIC_0000001": images / "ISIC_0000001.jpg"}


def test_two_ground_truths_are_ambiguous(tmp_path):
    for part in ("Training", "Validation"):
        (tmp_path / f"ISIC2018_Task1_{part}_GroundTruth").mkdir()
    with pytest.raises(UsageError, match="several folders"):
        find_truth_folder(tmp_path)
