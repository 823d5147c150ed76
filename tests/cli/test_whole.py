"""Task 1 through the real command line: train, predict, evaluate, tune, submit, cross-validate."""

import csv
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FAST = ["--set", "training.epochs=2", "--set", "training.batch_size=6"]


def nevus(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "nevus", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False)


def good(*arguments: object) -> str:
    done = nevus(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    text = good("train", "segmentation-tiny", "--data", drawn, "--out", out, "--fold", "0/4", *FAST)
    assert "done: 6 of 6 steps" in text
    return out


@pytest.fixture(scope="module")
def masks(run: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("masks")
    best, last = run / "best.safetensors", run / "last.safetensors"
    text = good(
        "predict", "segmentation", "--checkpoint", best, "--checkpoint", last, "--images",
        drawn / "images", "--out", out, "--split", run / "split.json", "--flips",
    )  # fmt: skip
    assert text.startswith("6 masks in ")
    return out


def test_masks_are_official(masks: Path, drawn: Path) -> None:
    assert len(list(masks.iterdir())) == 6 + 1  # predicted.json
    for path in masks.glob("*.png"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (80, 60))
            assert set(np.unique(np.asarray(image))) <= {0, 255}


def test_evaluate(masks: Path, drawn: Path, tmp_path: Path) -> None:
    text = good(
        "evaluate", "segmentation", "--truth", drawn / "masks", "--prediction", masks,
        "--subset", "--json", "--gallery", tmp_path / "g.html", "--images", drawn / "images",
    )  # fmt: skip
    scores = json.loads(text)
    assert scores["n"] == 6
    assert 0 <= scores["threshold_jaccard"] <= scores["jaccard"] <= 1
    assert "Research use only" in (tmp_path / "g.html").read_text(encoding="utf-8")


def test_tune_and_paper_steps(run: Path, drawn: Path, tmp_path: Path) -> None:
    text = good(
        "tune-postprocess", "--checkpoint", run / "best.safetensors", "--data", drawn,
        "--split", run / "split.json", "--limit", 3, "--json",
    )  # fmt: skip
    assert json.loads(text)["n"] == 3
    good(
        "predict", "segmentation", "--checkpoint", run / "best.safetensors", "--images",
        drawn / "images", "--out", tmp_path, "--split", run / "split.json", "--steps", "paper",
    )  # fmt: skip
    assert len(list(tmp_path.glob("*.png"))) == 6


def test_submit(masks: Path, drawn: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for mask in masks.glob("*.png"):
        name = mask.name.replace("_segmentation", "")
        shutil.copy(drawn / "images" / name, images / name)
    good(
        "submit", "segmentation", "--prediction", masks, "--images", images, "--out",
        tmp_path / "s.zip",
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        assert sorted(archive.namelist()) == sorted(path.name for path in masks.glob("*.png"))


def test_bad_photographs_do_not_stop_the_rest(run: Path, drawn: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(drawn / "images", images)
    first = sorted(images.iterdir())[0]
    (images / "ISIC_0000100.jpg").write_bytes(b"")
    (images / "=cmd().png").write_text("not a picture")
    (images / "ISIC_0000101.png").write_bytes(first.read_bytes()[:300])
    done = nevus(
        "predict", "segmentation", "--checkpoint", run / "best.safetensors", "--images", images,
        "--out", tmp_path / "masks", "--device", "cpu",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    with (tmp_path / "masks" / "errors.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row["code"] for row in csv.DictReader(file)}
    assert rows == {
        "'=cmd().png": "not_an_image",
        "ISIC_0000100.jpg": "empty",
        "ISIC_0000101.png": "truncated",
    }
    clean = tmp_path / "clean"
    good(
        "predict", "segmentation", "--checkpoint", run / "best.safetensors", "--images",
        drawn / "images", "--out", clean, "--device", "cpu",
    )  # fmt: skip
    assert len(list(clean.iterdir())) == 24 + 1  # predicted.json
    for path in clean.glob("*.png"):
        assert path.read_bytes() == (tmp_path / "masks" / path.name).read_bytes()


def test_crossval_resumes(drawn: Path, tmp_path: Path) -> None:
    line = ["crossval", "segmentation-tiny", "--data", drawn, "--out", tmp_path, "--folds", 2]
    first = json.loads(good(*line, *FAST, "--json", "--only", 0))
    assert (first["folds_done"], first["n"]) == (1, 12)
    both = json.loads(good(*line, *FAST, "--json"))
    assert (both["folds_done"], both["n"]) == (2, 24)
    assert both["per_fold"]["0"] == first["per_fold"]["0"]
    text = good(*line, *FAST)
    assert "spread" in text
    other = nevus(*line, *FAST, "--set", "optimizer.lr=0.5")
    assert other.returncode == 2
    assert "another recipe or other data: recipe.optimizer.lr was 0.003, is 0.5" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "segan-papr"], "did you mean segan-paper"),
        (["train", "segan-tiny", "--set", "training.epoch=1"], "did you mean training.epochs"),
        (["train", "segan-tiny", "--fold", "5/5"], "fold 5/5"),
        (["train", "segan-tiny", "--validate-at-stop"], "add --max-minutes"),
        (["train", "segan-tiny", "--set", "network.encoder=vgg91"], "no model 'vgg91'"),
        (["train", "segmentation-tiny", "--set", "network.pretrained=true"], "data download"),
        (["train", "segan-tiny", "--set", "prediction.steps=[{name='crv'}]"], "did you mean"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, drawn: Path, tmp_path: Path
) -> None:
    done = nevus(*arguments, "--data", drawn, "--out", tmp_path)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert message in last
    assert "Traceback" not in done.stderr


def test_empty_folder(tmp_path: Path) -> None:
    done = nevus("train", "segan-tiny", "--data", tmp_path, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "nevus data download isic2018" in done.stderr


def test_mask_of_the_wrong_size(drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "data")
    mask = sorted((tmp_path / "data" / "masks").iterdir())[0]
    Image.new("L", (10, 10)).save(mask)
    done = nevus("train", "segan-tiny", "--data", tmp_path / "data", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "10 x 10 pixels" in done.stderr


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc is Linux's")
def test_a_folder_that_cannot_be_made_is_one_line(drawn: Path) -> None:
    done = nevus("train", "segan-tiny", "--data", drawn, "--out", "/proc/nowhere")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("nevus: /proc/nowhere: ")
    assert "Traceback" not in done.stderr


def test_help_has_examples() -> None:
    for verb in ("train", "predict", "evaluate", "crossval", "tune-postprocess", "submit"):
        assert "Example:" in good(verb, "--help"), verb
    assert "segan-paper" in good("recipes")
    assert good("recipes", "segan-tiny").startswith('name = "segan-tiny"')
    assert good("--version").startswith("nevus ")
