"""`nevus predict --models`: models as files, no torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.analyzer.analyzer import Analyzer
from nevus.cli.app import main
from nevus.data.phantoms import draw_phantom
from nevus.labels import ATTRIBUTES, DIAGNOSES


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in (1, 2):
        pixels = draw_phantom(index, 3, size=(90, 120)).pixels
        Image.fromarray(pixels).save(folder / f"case{index}.png")
    return folder


def run(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["nevus", "predict", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
    return int(left.value.code or 0), capfd.readouterr().err


def test_what_predict_writes_is_what_analyze_says(
    photos: Path, plain_models: Path, tmp_path: Path, capfd
) -> None:
    out = tmp_path / "out"
    common = ("--models", plain_models, "--images", photos, "--out", out)
    for task in ("segmentation", "attributes", "diagnosis"):
        assert run(capfd, task, *common)[0] == 0
    found = Analyzer(plain_models).analyze(photos / "case1.png")
    mask = np.array(Image.open(out / "case1_segmentation.png")) > 0
    np.testing.assert_array_equal(mask, found.lesion)
    for name in ATTRIBUTES:
        mask = np.array(Image.open(out / f"case1_attribute_{name}.png")) > 0
        np.testing.assert_array_equal(mask, found.attributes[name])
    header, row = (out / "diagnosis.csv").read_text().splitlines()[:2]
    assert header == "image," + ",".join(DIAGNOSES)
    assert sum(float(value) for value in row.split(",")[1:]) == pytest.approx(1)
    assert set(json.loads((out / "similar.json").read_text())["similar"]) == {"case1", "case2"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "either --checkpoint or --models"),
        (("--models", "packaged", "--checkpoint", "a.safetensors"), "either --checkpoint or"),
        (("--models", "packaged", "--flips"), "no --flips here"),
        (("--models", "nowhere"), "nowhere"),
    ],
)
def test_wrong_use(photos: Path, tmp_path: Path, capfd, words, said: str) -> None:
    code, err = run(capfd, "segmentation", "--images", photos, "--out", tmp_path / "o", *words)
    assert code == 2
    assert said in err


def test_no_torch_is_needed(photos: Path, plain_models: Path, tmp_path: Path) -> None:
    arguments = ["predict", "attributes", "--models", plain_models, "--images", photos]
    code = (
        "import sys; sys.modules['torch'] = None; from nevus.cli.app import main; "
        f"sys.argv = ['nevus', *{[*map(str, arguments), '--out', str(tmp_path / 'o')]!r}]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr


def test_one_folder_of_models(photos: Path, plain_models: Path, tmp_path: Path, capfd) -> None:
    words = ("--models", plain_models, "--models", plain_models)
    code, said = run(capfd, "diagnosis", *words, "--images", photos, "--out", tmp_path / "out")
    assert code == 2
    assert "--models takes one folder" in said


def test_photographs_the_packaged_models_may_know(
    photos: Path, plain_models: Path, tmp_path: Path, capfd
) -> None:
    """Scores on training photographs flatter: it is said where names make that likely."""
    known = tmp_path / "known"
    known.mkdir()
    (photos / "case1.png").rename(known / "ISIC_0024306.png")
    split = tmp_path / "split.json"
    split.write_text('{"training": [], "validation": ["ISIC_0024306"]}', encoding="utf-8")
    out = ("--out", tmp_path / "out")
    for words, noted in (
        (("--models", "packaged", "--images", known), True),
        (("--models", "packaged", "--images", known, "--split", split), False),
        (("--models", "packaged", "--images", photos), False),
        (("--models", plain_models, "--images", known), False),
    ):
        code, said = run(capfd, "segmentation", *words, *out)
        assert code == 0
        assert ("nevus data split" in said) is noted


@pytest.mark.skipif(os.name != "posix", reason="making links needs rights on Windows")
def test_links_out_of_the_folder_are_named(
    photos: Path, plain_models: Path, tmp_path: Path, capfd
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "a.png").symlink_to(photos / "case1.png")
    words = ("--models", plain_models, "--images", links, "--out", tmp_path / "out")
    code, said = run(capfd, "segmentation", *words)
    assert code == 2
    assert "links that lead out of their folder, which are not followed: 1" in said


@pytest.mark.parametrize("task", ["segmentation", "attributes", "diagnosis"])
def test_what_predict_did_not_write_is_not_replaced(
    photos: Path, plain_models: Path, tmp_path: Path, capfd, task: str
) -> None:
    names = {
        "segmentation": "case2_segmentation.png",
        "attributes": "case1_attribute_streaks.png",
        "diagnosis": "diagnosis.csv",
    }
    truth = tmp_path / "truth" / names[task]
    truth.parent.mkdir()
    truth.write_bytes(b"by an expert")
    words = (task, "--models", plain_models, "--images", photos, "--out")
    code, err = run(capfd, *words, truth.parent)
    assert code == 2
    assert f"would replace: {truth.name} (name another --out)" in err
    assert truth.read_bytes() == b"by an expert"
    assert [path.name for path in truth.parent.iterdir()] == [truth.name]
    for again in (False, True):
        code, err = run(capfd, *words, tmp_path / "out")
        assert code == 0
        assert ("files of the same name are replaced" in err) == again
    told = json.loads((tmp_path / "out" / "predicted.json").read_text(encoding="utf-8"))
    assert (told["task"], told["networks"]) == (task, [plain_models.name])


def test_permission_to_replace_goes_file_by_file(
    photos: Path, plain_models: Path, tmp_path: Path, capfd
) -> None:
    """The one mask that is missing is drawn; an expert's others stay whatever is asked next."""
    masks, new = tmp_path / "masks", tmp_path / "new"
    masks.mkdir()
    new.mkdir()
    (masks / "case1_segmentation.png").write_bytes(b"by an expert")
    (new / "case2.png").write_bytes((photos / "case2.png").read_bytes())
    words = ("segmentation", "--models", plain_models, "--out", masks, "--images")
    assert run(capfd, *words, new)[0] == 0
    code, err = run(capfd, *words, photos)
    assert code == 2
    assert "would replace: case1_segmentation.png (name another --out)" in err
    assert (masks / "case1_segmentation.png").read_bytes() == b"by an expert"
    assert run(capfd, *words, new)[0] == 0
    (masks / "predicted.json").write_text("mine", encoding="utf-8")
    assert run(capfd, *words, new)[0] == 2


def test_masks_of_other_calls_and_of_broken_photographs(
    photos: Path, plain_models: Path, tmp_path: Path, capfd
) -> None:
    out = tmp_path / "out"
    words = ("segmentation", "--models", plain_models, "--out", out, "--images")
    run(capfd, *words, photos)
    code, err = run(capfd, *words, photos / "case2.png")
    assert code == 0
    assert "holds 1 mask of earlier calls besides, which evaluate and submit take, too" in err
    (photos / "case2.png").write_bytes(b"broken")
    assert run(capfd, *words, photos)[0] == 3
    assert not (out / "case2_segmentation.png").exists()
    assert (out / "case1_segmentation.png").exists()
