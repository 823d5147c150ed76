"""Runs that are killed and go on must end with the same bits as runs that are not."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nevus.errors import CheckpointError, RunLockedError, TrainingError
from nevus.models.tensorfile import read_tensors
from nevus.recipe import Recipe, read_recipe
from nevus.training.journal import read_journal
from nevus.training.run import RunFolder, locked
from nevus.training.state import find_states
from nevus.training.train import TrainOptions, train

STEPS = {"adversarial": 9, "supervised": 9, "triplet": 12}
SEGAN = ["training.epochs=3", "training.batch_size=6", "training.freeze_encoder_epochs=1"]


def tiny(learner: str, *extra: str) -> Recipe:
    if learner == "triplet":
        # Four epochs: cross-entropy, triplets, cross-entropy, triplets mined anew.
        return read_recipe("diagnosis-tiny", ["training.ema_decay=0.9", *extra])
    name = {"adversarial": "segan-tiny", "supervised": "segmentation-tiny"}[learner]
    more = ["training.ema_decay=0.9"] if learner == "supervised" else []
    return read_recipe(name, [*SEGAN, *more, *extra])


def weights(out: Path) -> dict[str, torch.Tensor]:
    return read_tensors(find_states(RunFolder(out).state)[0])[0]


def assert_same(first: Path, second: Path) -> None:
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different


@pytest.fixture(scope="module")
def whole(
    drawn: Path, drawn_cases: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """One uninterrupted run per learner."""
    runs = {}
    for learner, total in STEPS.items():
        out = tmp_path_factory.mktemp(learner)
        data = drawn_cases if learner == "triplet" else drawn
        outcome = train(tiny(learner), TrainOptions(data=data, out=out, fold=(0, 4)))
        assert outcome.finished
        assert outcome.step == outcome.total == total
        runs[learner] = out
    return runs


@pytest.mark.parametrize(
    ("learner", "stops"),
    [
        ("adversarial", (1, 4)),
        ("adversarial", (3, 5)),
        ("supervised", (1, 4)),
        ("supervised", (3, 5)),
        ("triplet", (3, 5)),
        ("triplet", (4, 8)),
        ("triplet", (9, 10)),
    ],
)
def test_stopped_runs_end_with_the_same_bits(
    learner: str,
    stops: tuple[int, ...],
    whole: dict[str, Path],
    drawn: Path,
    drawn_cases: Path,
    tmp_path: Path,
) -> None:
    data = drawn_cases if learner == "triplet" else drawn
    for stop in (*stops, None):
        reporter = StopAfter(stop)
        options = TrainOptions(data=data, out=tmp_path, fold=(0, 4), resume=True, save_steps=1)
        try:
            train(tiny(learner), options, reporter=reporter)
        except _PowerCutError:
            assert stop is not None
    assert_same(whole[learner], tmp_path)
    steps = [e["step"] for e in read_journal(tmp_path / "metrics.jsonl") if "epoch" in e]
    assert steps == sorted(steps)
    done = [e for e in read_journal(tmp_path / "metrics.jsonl") if "lr" in e]
    assert len(done) == STEPS[learner]


def test_photographs_on_the_device_and_mixed_ones_resume_too(
    drawn_cases: Path, tmp_path: Path
) -> None:
    """Where phases mix, each has a loader of its own, which starts in the middle after a stop."""
    recipe = tiny("triplet", "training.resident=true", "classification.mixup=0.4")
    data = {"data": drawn_cases, "fold": (0, 4)}
    train(recipe, TrainOptions(out=tmp_path / "whole", **data))  # type: ignore[arg-type]
    for stop in (2, 5, 8, None):
        options = TrainOptions(out=tmp_path / "parts", resume=True, save_steps=1, **data)  # type: ignore[arg-type]
        try:
            train(recipe, options, reporter=StopAfter(stop))
        except _PowerCutError:
            assert stop is not None
    assert_same(tmp_path / "whole", tmp_path / "parts")
    steps = read_journal(tmp_path / "whole" / "metrics.jsonl")
    kinds = ["triplet" if "triplet" in e else "mixed" for e in steps if "lr" in e]
    assert kinds == (["mixed"] * 3 + ["triplet"] * 3) * 2


class _PowerCutError(Exception):
    pass


class StopAfter:
    """A reporter that pulls the plug after a number of steps."""

    def __init__(self, step: int | None) -> None:
        self.step = step

    def started(self, step: int, total: int) -> None:
        pass

    def stepped(self, step: int, terms: object) -> None:
        if step == self.step:
            raise _PowerCutError

    def validated(self, epoch: int, scores: object, *, best: bool) -> None:
        pass

    def pictured(self, draw: object) -> None:
        pass

    def noted(self, text: str) -> None:
        pass


class SignalLoaders(StopAfter):
    """A reporter that signals all loader processes once each of them has given a batch."""

    def __init__(self, number: int) -> None:
        super().__init__(None)
        self.number = number

    def stepped(self, step: int, terms: object) -> None:
        if step == 2:
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, self.number)


def test_number_of_workers_does_not_matter(
    whole: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    recipe = tiny("adversarial", "training.workers=2")
    train(recipe, TrainOptions(data=drawn, out=tmp_path, fold=(0, 4)))
    assert_same(whole["adversarial"], tmp_path)


def test_kill_minus_nine(whole: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    """Through the real command line; the benchmark script does it twenty times."""
    command = [sys.executable, "-m", "nevus", "train", "segan-tiny", "--data", str(drawn)]
    command += ["--out", str(tmp_path), "--fold", "0/4", "--save-steps", "1", "--resume"]
    for override in SEGAN:
        command += ["--set", override]
    generator = random.Random(0)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not find_states(tmp_path / "state") and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(generator.uniform(0, 0.2))
    process.kill()
    process.wait()
    assert find_states(tmp_path / "state")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same(whole["adversarial"], tmp_path)
    assert not list((tmp_path / "state").glob("*.partial"))


@pytest.mark.skipif(os.name != "posix", reason="signals to children are posix")
def test_sigterm_saves_and_leaves(drawn: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nevus", "train", "segan-tiny", "--data", str(drawn)]
    command += ["--out", str(tmp_path), "--set", "training.epochs=500", "--save-steps", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not find_states(tmp_path / "state") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 143
    assert b"--resume" in stderr


def test_damaged_newest_state_falls_back(drawn: Path, tmp_path: Path) -> None:
    options = TrainOptions(data=drawn, out=tmp_path, fold=(0, 4), resume=True, save_steps=1)
    with pytest.raises(_PowerCutError):
        train(tiny("supervised"), options, reporter=StopAfter(5))
    newest, before = find_states(tmp_path / "state")
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    (tmp_path / "state" / "step-00000099.safetensors.partial").write_bytes(b"killed")
    assert train(tiny("supervised"), options).finished
    for path in find_states(tmp_path / "state"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="damaged"):
        train(tiny("supervised"), options)
    assert before.name == "step-00000003.safetensors"


def test_a_damaged_state_never_pushes_a_whole_one_out(drawn: Path, tmp_path: Path) -> None:
    options = TrainOptions(data=drawn, out=tmp_path, fold=(0, 4), resume=True, save_steps=1)
    with pytest.raises(_PowerCutError):
        train(tiny("supervised"), options, reporter=StopAfter(5))
    newest, whole = find_states(tmp_path / "state")
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(_PowerCutError):
        train(tiny("supervised"), options, reporter=StopAfter(4))
    assert find_states(tmp_path / "state") == [whole]
    assert newest.with_name(f"{newest.name}.damaged").is_file()
    # With nothing whole left, nothing is set aside: the next start must not begin afresh.
    whole.write_bytes(b"")
    with pytest.raises(CheckpointError, match="all 1 states"):
        train(tiny("supervised"), options)
    assert whole.is_file()


def test_what_must_not_change_is_refused(whole: dict[str, Path], drawn: Path) -> None:
    options = TrainOptions(data=drawn, out=whole["supervised"], fold=(0, 4))
    with pytest.raises(TrainingError, match="already holds a run"):
        train(tiny("supervised"), options)
    resumed = TrainOptions(data=drawn, out=whole["supervised"], fold=(0, 4), resume=True)
    with pytest.raises(TrainingError, match=r"recipe\.optimizer\.lr was 0\.003, is 0\.5"):
        train(tiny("supervised", "optimizer.lr=0.5"), resumed)
    with pytest.raises(TrainingError, match=r"data\.fold"):
        train(
            tiny("supervised"),
            TrainOptions(data=drawn, out=whole["supervised"], fold=(1, 4), resume=True),
        )


def test_second_trainer_is_refused(drawn: Path, tmp_path: Path) -> None:
    with locked(RunFolder(tmp_path)), pytest.raises(RunLockedError, match="another trainer"):
        train(tiny("supervised"), TrainOptions(data=drawn, out=tmp_path, fold=(0, 4)))


def test_a_second_trainer_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    code = "import sys, pathlib, nevus.training.locking as l\n"
    code += "l.refuse_second_trainer(pathlib.Path(sys.argv[1]))"
    code += "\nassert 'torch' not in sys.modules"
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 0
    with locked(RunFolder(tmp_path)):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another trainer is at work" in done.stderr


def test_a_start_without_a_state_leaves_no_split(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text('{"training": ["a"], "validation": []}')
    (tmp_path / "run.json").write_text("{half")
    (tmp_path / "best.safetensors.partial").write_bytes(b"killed")
    options = TrainOptions(data=drawn, out=tmp_path, fold=(1, 4), max_minutes=0)
    train(tiny("supervised"), options)
    split = json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))
    assert (len(split["training"]), len(split["validation"])) == (18, 6)
    assert json.loads((tmp_path / "run.json").read_text())["data"]["fold"] == [1, 4]
    assert not list(tmp_path.glob("*.partial"))


def test_changes_allowed_are_never_of_fold_or_split(
    whole: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(whole["supervised"], tmp_path / "run")
    options = TrainOptions(data=drawn, out=run, fold=(0, 4), resume=True, allow_changes=True)
    with pytest.raises(
        TrainingError, match=r"data\.fold was \[0, 4\], is \[1, 4\].*new run folder"
    ):
        train(tiny("supervised"), replace(options, fold=(1, 4)))
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    other = tmp_path / "other.json"
    for change, message in (("validation", r"data\.split was"), ("training", "other photographs")):
        other.write_text(json.dumps({**split, change: split[change][1:]}))
        with pytest.raises(TrainingError, match=message):
            train(tiny("supervised"), replace(options, split=other))
    assert json.loads((run / "run.json").read_text())["data"]["fold"] == [0, 4]
    # What may change goes on, and its checkpoint names the fold in force.
    train(tiny("supervised", "training.epochs=4"), options)
    assert read_tensors(run / "last.safetensors")[1]["about"]["fold"] == [0, 4]


def test_another_split_is_refused(whole: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    split = json.loads((whole["supervised"] / "split.json").read_text(encoding="utf-8"))
    other = tmp_path / "other.json"
    other.write_text(json.dumps({key: values[1:] for key, values in split.items()}))
    options = TrainOptions(data=drawn, out=whole["supervised"], split=other, resume=True)
    with pytest.raises(TrainingError, match="trains on other photographs"):
        train(tiny("supervised"), options)


def test_a_damaged_manifest_is_said(drawn: Path, tmp_path: Path) -> None:
    options = TrainOptions(data=drawn, out=tmp_path, fold=(0, 4), max_minutes=0)
    train(tiny("supervised"), options)
    (tmp_path / "run.json").write_text("{half")
    with pytest.raises(TrainingError, match=r"run\.json is missing or damaged"):
        train(tiny("supervised"), replace(options, resume=True))


@pytest.mark.parametrize(
    ("learner", "place"),
    [
        ("supervised", "nevus.training.segmentation.validate_segmentation"),
        ("triplet", "nevus.training.diagnosis.embed"),
    ],
)
def test_a_signal_breaks_validation_and_mining_off(
    whole: dict[str, Path],
    drawn: Path,
    drawn_cases: Path,
    tmp_path: Path,
    learner: str,
    place: str,
) -> None:
    data = drawn_cases if learner == "triplet" else drawn
    options = TrainOptions(data=data, out=tmp_path, fold=(0, 4), resume=True)
    module, _, name = place.rpartition(".")
    real = getattr(sys.modules[module], name)
    ended = []

    def signalled(*given: object, **more: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        ended.append(real(*given, **more))
        return ended[-1]

    # Embeddings are asked for while validating (twice) and while mining; each is broken off once.
    for after in range(4 if learner == "triplet" else 1):
        calls = iter(range(100))

        def counted(
            *given: object, calls: Iterator[int] = calls, after: int = after, **more: object
        ) -> object:
            return (signalled if next(calls) == after else real)(*given, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, counted)
            outcome = train(tiny(learner), options)
        assert (outcome.finished, outcome.signal_number) == (False, signal.SIGTERM)
    assert not ended
    assert train(tiny(learner), options).finished
    assert_same(whole[learner], tmp_path)
    journals = [read_journal(run / "metrics.jsonl") for run in (whole[learner], tmp_path)]
    first, second = [[e["epoch"] for e in one if "validation" in e] for one in journals]
    assert first == second


@pytest.mark.skipif(os.name != "posix", reason="signals to children are posix")
def test_loader_processes(whole: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    """One that is killed is a clear error; a signal to the whole group is none of theirs."""
    recipe = tiny("adversarial", "training.workers=2")
    options = TrainOptions(data=drawn, out=tmp_path / "all", fold=(0, 4))
    assert train(recipe, options, reporter=SignalLoaders(signal.SIGTERM)).finished
    assert_same(whole["adversarial"], tmp_path / "all")
    killed = TrainOptions(data=drawn, out=tmp_path / "one", fold=(0, 4))
    longer = tiny("adversarial", "training.workers=2", "training.epochs=99")
    with pytest.raises(TrainingError, match="a process that loads photographs died"):
        train(longer, killed, reporter=SignalLoaders(signal.SIGKILL))


def test_max_minutes_stops_with_a_state(drawn: Path, tmp_path: Path) -> None:
    options = TrainOptions(data=drawn, out=tmp_path, fold=(0, 4), max_minutes=0)
    outcome = train(tiny("supervised"), options)
    assert (outcome.finished, outcome.step, outcome.signal_number) == (False, 1, 0)
    assert find_states(tmp_path / "state")


def test_a_time_limit_may_leave_a_checkpoint_of_what_there_is(
    whole: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    options = TrainOptions(
        data=drawn, out=tmp_path, fold=(0, 4), resume=True, max_minutes=0, validate_at_stop=True
    )
    assert train(tiny("supervised"), options).step == 1
    entries = read_journal(tmp_path / "metrics.jsonl")
    assert [e["step"] for e in entries if "validation" in e] == [1]
    kept, state = read_tensors(tmp_path / "last.safetensors")[0], weights(tmp_path)
    for name, value in kept.items():
        assert torch.equal(value, state[f"network.average.{name.removeprefix('network.')}"])
    # A validation in the middle changes no weight of what follows.
    assert train(tiny("supervised"), replace(options, max_minutes=None)).finished
    assert_same(whole["supervised"], tmp_path)


def test_stop_epoch_stops_validated_and_goes_on(
    whole: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    options = TrainOptions(
        data=drawn, out=tmp_path, fold=(0, 4), resume=True, validate_epochs=9, stop_epoch=1
    )
    for _ in range(2):
        outcome = train(tiny("supervised"), options)
        assert not outcome.finished
        assert outcome.step == outcome.total // 3
        assert (tmp_path / "last.safetensors").is_file()
    assert train(tiny("supervised"), replace(options, stop_epoch=9)).finished
    assert_same(whole["supervised"], tmp_path)


def test_not_finite_steps_are_skipped_then_stop(drawn: Path, tmp_path: Path) -> None:
    recipe = tiny("supervised", "supervised.losses={cross_entropy=1e300}", "training.epochs=9")
    with pytest.raises(TrainingError, match="10 steps in a row"):
        train(recipe, TrainOptions(data=drawn, out=tmp_path, fold=(0, 4)))
    skips = [e for e in read_journal(tmp_path / "metrics.jsonl") if "skipped" in e]
    assert [e["skipped"] for e in skips] == list(range(1, 11))


def test_the_split_keeps_validation_out(whole: dict[str, Path]) -> None:
    split = json.loads((whole["adversarial"] / "split.json").read_text(encoding="utf-8"))
    assert len(split["training"]) == 18
    assert len(split["validation"]) == 6
    assert not set(split["training"]) & set(split["validation"])
