"""Task 3 through the real command line: train, predict, evaluate, submit."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nevus.labels import DIAGNOSES
from nevus.models.checkpoint import read_checkpoint, write_checkpoint


def nevus(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "nevus", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False)


def good(*arguments: object) -> str:
    done = nevus(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(drawn_cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    text = good("train", "diagnosis-tiny", "--data", drawn_cases, "--out", out, "--fold", "0/4")
    assert "done: 12 of 12 steps" in text
    return out


@pytest.fixture(scope="module")
def predicted(run: Path, drawn_cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("predicted")
    text = good(
        "predict", "diagnosis", "--checkpoint", run / "last.safetensors", "--images",
        drawn_cases / "ISIC2018_Task3_Training_Input", "--out", out, "--split",
        run / "split.json", "--by", "gallery", "--similar", 3,
    )  # fmt: skip
    assert "rows in" in text
    return out


def test_no_lesion_is_on_both_sides(run: Path) -> None:
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    lesions = {side: {int(i[5:]) // 2 for i in split[side]} for side in split}
    assert not lesions["training"] & lesions["validation"]
    assert len(split["training"]) + len(split["validation"]) == 64


def test_rows_are_official_and_sum_to_one(predicted: Path, run: Path) -> None:
    with (predicted / "diagnosis.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", *DIAGNOSES]
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    assert [row["image"] for row in rows] == split["validation"]
    for row in rows:
        values = [float(row[name]) for name in DIAGNOSES]
        assert sum(values) == pytest.approx(1)
        # The drawn data have neither: their gallery is empty.
        assert row["AKIEC"] == row["DF"] == "0.0"


def test_similar_cases_are_of_the_training_part(predicted: Path, run: Path) -> None:
    document = json.loads((predicted / "similar.json").read_text(encoding="utf-8"))
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    assert "Research use only" in document["notice"]
    assert set(document["similar"]) == set(split["validation"])
    for cases in document["similar"].values():
        assert len(cases) == 3
        assert [c["distance"] for c in cases] == sorted(c["distance"] for c in cases)
        assert {c["image_id"] for c in cases} <= set(split["training"])


def test_evaluate_and_submit(predicted: Path, drawn_cases: Path, tmp_path: Path) -> None:
    text = good(
        "evaluate", "diagnosis", "--truth", drawn_cases, "--prediction",
        predicted / "diagnosis.csv", "--subset", "--json",
    )  # fmt: skip
    scores = json.loads(text)
    assert 0 <= scores["balanced_accuracy"] <= 1
    ids = tmp_path / "ids.txt"
    with (predicted / "diagnosis.csv").open(encoding="utf-8", newline="") as file:
        ids.write_text("\n".join(row["image"] for row in csv.DictReader(file)), encoding="utf-8")
    good(
        "submit", "diagnosis", "--prediction", predicted / "diagnosis.csv", "--truth-ids", ids,
        "--out", tmp_path / "submission.csv",
    )  # fmt: skip
    assert (tmp_path / "submission.csv").is_file()


def write_other(source: Path, out: Path) -> None:
    """Write a checkpoint whose classifier is a little different."""
    checkpoint = read_checkpoint(source)
    tensors = {
        name: 1.1 * one if one.ndim == 2 else one for name, one in checkpoint.tensors.items()
    }
    write_checkpoint(out, replace(checkpoint, tensors=tensors))


def test_ways_and_ensembles_differ(run: Path, drawn_cases: Path, tmp_path: Path) -> None:
    images = sorted((drawn_cases / "ISIC2018_Task3_Training_Input").iterdir())[:2]
    found = []
    last, other = run / "last.safetensors", tmp_path / "other.safetensors"
    write_other(last, other)
    for number, options in enumerate(
        (["--by", "logits"], ["--by", "both"], ["--checkpoint", other, "--no-flips"])
    ):
        out = tmp_path / str(number)
        good(
            "predict", "diagnosis", "--checkpoint", last, "--images", images[0], "--images",
            images[1], "--out", out, *options,
        )  # fmt: skip
        found.append((out / "diagnosis.csv").read_text(encoding="utf-8"))
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["diagnosis", "--steps", "none"], "no use for --steps (that is for segmentation)"),
        (["diagnosis", "--by", "luck"], "none of logits, gallery, both"),
        (["segmentation", "--by", "logits"], "no use for --by or --similar"),
        (["segmentation"], "is a checkpoint for diagnosis, not segmentation"),
        (["attributes"], "is a checkpoint for diagnosis, not attributes"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], said: str, run: Path, drawn_cases: Path, tmp_path: Path
) -> None:
    images = drawn_cases / "ISIC2018_Task3_Training_Input"
    done = nevus(
        "predict", *arguments, "--checkpoint", run / "last.safetensors", "--images", images,
        "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_crossval_scores_every_way(drawn_cases: Path, tmp_path: Path) -> None:
    text = good(
        "crossval", "diagnosis-tiny", "--data", drawn_cases, "--out", tmp_path, "--folds", 4,
        "--only", 1, "--set", "training.epochs=2", "--json",
    )  # fmt: skip
    answer = json.loads(text)
    assert answer["folds_done"] == 1
    assert set(answer["summary"]) == {
        f"balanced_accuracy_{way}" for way in ("logits", "gallery", "both")
    }
    known = json.loads((tmp_path / "fold-1-of-4" / "scores.json").read_text(encoding="utf-8"))
    assert known["document"]["gallery"]["n"] == answer["n"]
