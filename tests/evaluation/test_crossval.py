"""Which folds are run, and whose scores are taken up again; nothing is trained here."""

import json
from pathlib import Path

import pytest

from nevus.errors import TrainingError, UsageError
from nevus.evaluation import crossval
from nevus.evaluation.crossval import cross_validate
from nevus.recipe import read_recipe
from nevus.training.train import TrainOptions

RECIPE = read_recipe("segmentation-tiny")


def write_scores(out: Path, fold: int, data: Path) -> None:
    """Leave behind what a fold that was trained and scored on `data` leaves."""
    folder = out / f"fold-{fold}-of-2"
    folder.mkdir(parents=True)
    manifest = {
        "recipe": RECIPE.model_dump(mode="json"),
        "data": {"key": crossval._find_key(RECIPE, data)},
    }
    (folder / "run.json").write_text(json.dumps(manifest))
    scores = {"n": 12, "means": {"jaccard": 0.5 + fold / 10}, "document": {}}
    (folder / "scores.json").write_text(json.dumps(scores))


@pytest.fixture(autouse=True)
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_given: object, **_more: object) -> None:
        raise AssertionError("a fold with scores is not trained again")

    monkeypatch.setattr(crossval, "train", train)


def test_a_fold_named_twice_counts_once(drawn: Path, tmp_path: Path) -> None:
    write_scores(tmp_path, 0, drawn)
    write_scores(tmp_path, 1, drawn)
    options = TrainOptions(data=drawn, out=tmp_path)
    result = cross_validate(RECIPE, options, folds=2, only=[1, 0, 1])
    assert [one.fold for one in result.results] == [0, 1]
    assert result.to_json()["n"] == 24


@pytest.mark.parametrize("fold", [7, 2, -1])
def test_a_fold_that_is_none(drawn: Path, tmp_path: Path, fold: int) -> None:
    options = TrainOptions(data=drawn, out=tmp_path)
    with pytest.raises(UsageError, match=f"no fold {fold}: 2 are numbered 0 to 1"):
        cross_validate(RECIPE, options, folds=2, only=[0, fold])


def test_scores_of_other_data_are_refused(drawn: Path, tmp_path: Path) -> None:
    write_scores(tmp_path, 0, drawn)
    other = tmp_path / "other"
    for name in ("images", "masks"):
        (other / name).mkdir(parents=True)
        for path in sorted((drawn / name).iterdir())[1:]:
            (other / name / path.name).write_bytes(path.read_bytes())
    options = TrainOptions(data=other, out=tmp_path)
    with pytest.raises(TrainingError, match=r"or other data: data\.key was '.*', is '"):
        cross_validate(RECIPE, options, folds=2, only=[0])
