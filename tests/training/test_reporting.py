from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nevus.recipe import read_recipe
from nevus.training.journal import Draw, Journal, SilentReporter, read_journal
from nevus.training.reporting import Reporters
from nevus.training.train import TrainOptions, train


class Pictures(SilentReporter):
    def __init__(self) -> None:
        self.drawn: list[np.ndarray] = []

    def pictured(self, draw: Draw) -> None:
        self.drawn += draw()


def test_sample_overlays_are_drawn_for_those_who_want_them(drawn: Path, tmp_path: Path) -> None:
    pictures = Pictures()
    recipe = read_recipe("segmentation-tiny", ["training.epochs=1", "training.batch_size=6"])
    options = TrainOptions(data=drawn, out=tmp_path, fold=(0, 4))
    train(recipe, options, reporter=Reporters([SilentReporter(), pictures]))
    assert [picture.shape for picture in pictures.drawn] == [(48, 64, 3)] * 6
    cyan = (pictures.drawn[0] == (0, 229, 255)).all(axis=2)
    assert cyan.any()


class Told(SilentReporter):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.best: list[bool] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)

    def validated(self, epoch: int, scores: object, *, best: bool) -> None:
        self.best.append(best)


def test_what_is_odd_about_a_start_is_said(drawn: Path, tmp_path: Path) -> None:
    told, options = Told(), TrainOptions(data=drawn, out=tmp_path, fold=(0, 4), resume=True)
    small = ["training.epochs=1", "training.batch_size=6"]
    train(read_recipe("segmentation-tiny", small), options, reporter=told)
    assert "starting afresh" in told.notes[0]
    assert "only 3 steps in all" in told.notes[1]
    assert "training.epochs=267" in told.notes[1]
    assert told.best == [True]
    again = Told()
    more = read_recipe("segmentation-tiny", ["training.epochs=3", "training.batch_size=6"])
    train(more, replace(options, allow_changes=True), reporter=again)
    assert again.notes == ["changed since the run began: recipe.training.epochs was 1, is 3"]
    # The first is of the epoch before: what was best is known after a resume.
    journal = [e for e in read_journal(tmp_path / "metrics.jsonl") if e.get("validation")]
    values = [entry["metric"] for entry in journal]
    assert again.best == [values[1] >= values[0], values[2] >= max(values[:2])]


def test_tensorboard_gets_scalars_and_pictures(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from nevus.training.reporting import TensorBoardReporter

    recipe = read_recipe("segmentation-tiny", ["training.epochs=1", "training.batch_size=6"])
    options = TrainOptions(data=drawn, out=tmp_path, fold=(0, 4))
    train(recipe, options, reporter=TensorBoardReporter(tmp_path))
    written = list((tmp_path / "tensorboard").iterdir())
    assert len(written) == 1
    assert b"validation/threshold_jaccard" in written[0].read_bytes()


def test_journal_cuts_off_what_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Journal(path, step=0) as journal:
        for step in range(1, 6):
            journal.write(step=step, loss=step / 3, worst=float("nan"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 6, "lo')
    with Journal(path, step=3) as journal:
        journal.write(step=4, loss=0.0)
    assert [entry["step"] for entry in read_journal(path)] == [1, 2, 3, 4]
    assert read_journal(path)[0]["worst"] is None
