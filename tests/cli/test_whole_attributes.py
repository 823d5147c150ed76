"""Task 2 through the real command line: train, predict."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nevus.labels import ATTRIBUTES
from nevus.models.checkpoint import read_checkpoint


def good(*arguments: object) -> str:
    line = [sys.executable, "-m", "nevus", *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(drawn_attributes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    good(
        "train", "attributes-tiny", "--data", drawn_attributes, "--out", out, "--fold", "0/4",
        "--set", "training.epochs=3", "--set", "training.batch_size=6",
    )  # fmt: skip
    return out


def test_five_official_masks_a_photograph(
    run: Path, drawn_attributes: Path, tmp_path: Path
) -> None:
    best, last = run / "best.safetensors", run / "last.safetensors"
    good(
        "predict", "attributes", "--checkpoint", last, "--checkpoint", best, "--images",
        drawn_attributes / "images", "--out", tmp_path, "--split", run / "split.json", "--flips",
    )  # fmt: skip
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    wanted = {f"{i}_attribute_{name}.png" for i in split["validation"] for name in ATTRIBUTES}
    assert {path.name for path in tmp_path.glob("*.png")} == wanted
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (80, 60))
            assert set(np.unique(np.asarray(image))) <= {0, 255}
    presences = json.loads((tmp_path / "presences.json").read_text(encoding="utf-8"))["presences"]
    assert set(presences) == set(split["validation"])
    assert all(0 <= p <= 1 for row in presences.values() for p in row.values())


def test_journal_tells_each_attribute(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    validated = [json.loads(line) for line in lines if "validation" in line]
    assert len(validated) == 3
    assert all(f"jaccard_{name}" in validated[-1] for name in ATTRIBUTES)
    assert validated[-1]["pooled_jaccard"] >= validated[-1]["half"]


def test_scores_and_submission(run: Path, drawn_attributes: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    good(
        "predict", "attributes", "--checkpoint", run / "last.safetensors", "--images",
        drawn_attributes / "images", "--out", masks,
    )  # fmt: skip
    truth = drawn_attributes / "attributes"
    scores = json.loads(
        good("evaluate", "attributes", "--truth", truth, "--prediction", masks, "--json")
    )
    assert scores["n"] == 24
    assert 0 <= scores["pooled_jaccard"] <= scores["pooled_dice"] <= 1
    assert scores["per_attribute"]["streaks"]["photographs"] == 0
    (masks / "presences.json").unlink()
    text = good(
        "submit", "attributes", "--prediction", masks, "--images", drawn_attributes / "images",
        "--out", tmp_path / "s.zip",
    )  # fmt: skip
    assert "five masks of 24 photographs" in text


def test_crossval(drawn_attributes: Path, tmp_path: Path) -> None:
    text = good(
        "crossval", "attributes-tiny", "--data", drawn_attributes, "--out", tmp_path, "--folds", 4,
        "--only", 0, "--set", "training.epochs=1", "--set", "training.batch_size=6", "--json",
    )  # fmt: skip
    answer = json.loads(text)
    assert answer["n"] > 0
    assert next(iter(answer["summary"])) == "pooled_jaccard"


def test_refit_gives_what_training_fitted(run: Path, drawn_attributes: Path) -> None:
    before = read_checkpoint(run / "last.safetensors")
    text = good("refit", run, "--data", drawn_attributes)
    after = read_checkpoint(run / "last.safetensors")
    assert "pooled_jaccard" in text
    assert after.fitted == before.fitted
    assert after.about == before.about
    assert all(torch.equal(after.tensors[k], v) for k, v in before.tensors.items())
