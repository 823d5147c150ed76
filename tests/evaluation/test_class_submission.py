"""A CSV to upload: refused before the official scorer does, else normalised."""

import hashlib

import pytest

from nevus.errors import SubmissionError, UsageError
from nevus.evaluation.class_submission import build_class_submission
from nevus.labels import DIAGNOSES

HEADER = f"image,{','.join(DIAGNOSES)}\n"
ROW = "0.1,0.3,0.2,0.1,0.1,0.1,0.1\n"
GOOD = f"{HEADER}ISIC_0000002,{ROW}ISIC_0000001.jpg,{ROW}"


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"ISIC_{number:07d}.jpg").touch()
    (folder / "ATTRIBUTION.txt").touch()
    return folder


@pytest.fixture
def prediction(tmp_path):
    path = tmp_path / "diagnosis.csv"
    path.write_text(GOOD)
    return path


def find_problems(prediction, tmp_path, **options):
    out = tmp_path / "out.csv"
    with pytest.raises(SubmissionError) as caught:
        build_class_submission(prediction, out, **options)
    assert not out.exists()
    assert "\n" not in str(caught.value)
    return caught.value.problems


def test_good_table_is_written_anew(prediction, images, tmp_path):
    out = tmp_path / "out.csv"
    submission = build_class_submission(prediction, out, images=images)
    assert (submission.n, submission.warnings) == (2, ())
    assert out.read_bytes() == f"{HEADER}ISIC_0000001,{ROW}ISIC_0000002,{ROW}".encode()
    assert submission.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    again = build_class_submission(out, tmp_path / "again.csv", images=images)
    assert again.sha256 == submission.sha256


def test_values_keep_every_digit_and_their_point(prediction, images, tmp_path):
    prediction.write_text(
        "VASC,DF,BKL,AKIEC,BCC,NV,MEL,image\n"
        "1,0.1234567890123456789,1e-7,-0.0,.5,0,0.30000000000000004,ISIC_0000001\n"
        "0.0,0.5,0.1,0.0,0.0,0.2,0.2,ISIC_0000002\n"
    )
    build_class_submission(prediction, tmp_path / "out.csv", images=images)
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == (
        "ISIC_0000001,0.30000000000000004,0.0,0.5,0.0,1e-07,0.12345678901234568,1.0"
    )


def test_every_problem_at_once(prediction, images, tmp_path):
    prediction.write_text(f"{HEADER}ISIC_0000002,2{ROW[3:]}ISIC_0000003,{ROW}ISIC_0000003,{ROW}")
    assert find_problems(prediction, tmp_path, images=images) == (
        "line 2, 'ISIC_0000002': MEL is '2', expected 0 to 1",
        "'ISIC_0000003' is there twice, again in line 4",
        "'ISIC_0000001' is missing",
        "'ISIC_0000003' is extra: no such photograph",
    )


def test_integers_alone_and_text_are_refused(prediction, images, tmp_path):
    rows = "ISIC_0000001,0,0.5,0,1,0,0,0\nISIC_0000002,0,0.5,1,0,0,0,0\n"
    prediction.write_text(HEADER + rows)
    problems = find_problems(prediction, tmp_path, images=images)
    assert len(problems) == 6
    assert all("integers alone" in one for one in problems)
    prediction.write_bytes(b"\xff\xfe")
    assert len(find_problems(prediction, tmp_path, images=images)) == 1


def test_ties_and_what_may_become_one_are_warned_of(prediction, images, tmp_path):
    prediction.write_text(
        f"{HEADER}ISIC_0000001,0.4,0.4,0.0,0.0,0.1,0.1,0.0\n"
        "ISIC_0000002,0.30000000000000004,0.3,0.1,0.1,0.5,0.5000000000000001,0.0\n"
    )
    warnings = build_class_submission(prediction, tmp_path / "out.csv", images=images).warnings
    assert warnings == (
        "the highest value stands twice, which counts as wrong: ISIC_0000001",
        "the two highest values differ by less than 1e-12, which the official scorer may read "
        "as a tie: ISIC_0000002",
        "1 rows do not add up to 1, which the challenge accepts",
    )


def test_ids_from_a_list_or_from_nowhere(prediction, tmp_path):
    ids = tmp_path / "ids.csv"
    ids.write_text("image,MEL\nISIC_0000001,1\nISIC_0000002.jpg,0\n\n")
    assert build_class_submission(prediction, tmp_path / "out.csv", truth_ids=ids).warnings == ()
    ids.write_text("ISIC_0000001\nISIC_0000003\n")
    (tmp_path / "out.csv").unlink()
    assert find_problems(prediction, tmp_path, truth_ids=ids) == (
        "'ISIC_0000003' is missing",
        "'ISIC_0000002' is extra: no such photograph",
    )
    (warning,) = build_class_submission(prediction, tmp_path / "out.csv").warnings
    assert "missing rows were not checked" in warning
    prediction.write_text(GOOD.replace("ISIC_0000002", "mole-2"))
    (tmp_path / "out.csv").unlink()
    assert find_problems(prediction, tmp_path) == ("'mole-2' is not named like ISIC_0000001",)


def test_data_root_leads_to_its_photographs(prediction, images, tmp_path):
    root = tmp_path / "root"
    (root / "isic2018").mkdir(parents=True)
    images.rename(root / "isic2018" / "ISIC2018_Task3_Training_Input")
    assert build_class_submission(prediction, tmp_path / "out.csv", images=root).n == 2


def test_wrong_use(prediction, images, tmp_path):
    out = tmp_path / "out.csv"
    with pytest.raises(UsageError, match=r"does not end in \.csv"):
        build_class_submission(prediction, tmp_path / "out.zip")
    with pytest.raises(UsageError, match="exclude each other"):
        build_class_submission(prediction, out, images=images, truth_ids=prediction)
    with pytest.raises(UsageError, match="holds no photograph named"):
        build_class_submission(prediction, out, images=tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        build_class_submission(prediction, out, images=tmp_path / "absent")
    empty = tmp_path / "ids.txt"
    empty.write_text("image\n")
    with pytest.raises(UsageError, match="names no ISIC"):
        build_class_submission(prediction, out, truth_ids=empty)
    empty.write_text("image\nmole\n")
    with pytest.raises(UsageError, match="line 2: 'mole' is no"):
        build_class_submission(prediction, out, truth_ids=empty)
