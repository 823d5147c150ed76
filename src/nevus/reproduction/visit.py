"""A visit: work on what is missing until the time is up, a signal comes or nothing is left."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from nevus.errors import (
    DiskFullError,
    InterruptedRunError,
    NevusError,
    RunLockedError,
)
from nevus.imaging.files import write_atomically
from nevus.inference.predictor import Progress
from nevus.reproduction.jobs import FINISHED, Job, is_finished
from nevus.reproduction.machine import describe_machine
from nevus.reproduction.outcome import describe_training, make_result
from nevus.reproduction.plan import find_missing, has_crf
from nevus.reproduction.results import write_result
from nevus.reproduction.scoring import Task, score_row
from nevus.reproduction.speed import SpeedBook, note_visit, predict_kind
from nevus.reproduction.splits import write_split
from nevus.reproduction.trainings import Place, Training
from nevus.training.distributed import choose_device
from nevus.training.journal import Reporter
from nevus.training.signals import StopRequest, listening
from nevus.training.train import TrainOptions, train


@dataclass(frozen=True)
class Watch:
    """Whoever watches a visit.

    Attributes:
        reporter: Watches training; None for nobody.
        note: Takes a line per stage.
        progress: Called with (done, total) while photographs are predicted.
    """

    reporter: Reporter | None = None
    note: Callable[[str], None] = lambda _text: None
    progress: Progress = lambda _done, _total: None


@dataclass
class Visited:
    """What a visit did.

    Attributes:
        done: Names of jobs that now have a result.
        failed: Names of jobs and why each failed; the others went on.
        missing: How many jobs are left.
    """

    done: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    missing: int = 0


class OutOfTimeError(NevusError):
    """The visit's time is up; never leaves this module."""


class Visit:
    """Works through jobs; every stage leaves a file behind and is left out where it is there.

    A training stops at the step at hand and goes on bit for bit in a later visit; a prediction
    once begun is finished unless a signal comes, and is begun anew in a later visit.

    Args:
        place: Data and results.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        max_minutes: When to stop; None: when nothing is left.
        save_minutes: Minutes between a training's states.
        watch: Whoever watches.
    """

    def __init__(
        self,
        place: Place,
        device: str = "auto",
        *,
        max_minutes: float | None = None,
        save_minutes: float = 5.0,
        watch: Watch | None = None,
    ) -> None:
        self.place = place
        self.device = choose_device(device)
        self.device_name = device
        self.save_minutes = save_minutes
        self.watch = watch or Watch()
        self._stop = StopRequest()
        self._until = None if max_minutes is None else time.monotonic() + 60 * max_minutes

    def run(self, jobs: Sequence[Job], *, limit: int | None = None) -> Visited:
        """Work on what is missing of `jobs`, in their order.

        Args:
            jobs: From `make_jobs`.
            limit: At most so many jobs; None: all.

        Raises:
            RunLockedError: Another process works in the same folder.
            InterruptedRunError: A signal came; states are saved.
            DiskFullError: There is no room.
        """
        visited = Visited()
        with locked(self.place), listening(self._stop):
            todo = find_missing(jobs, self.place)
            try:
                for job in todo[:limit]:
                    self._try(job, visited)
            except OutOfTimeError:
                self.watch.note("time is up; the same command goes on")
            visited.missing = len(find_missing(jobs, self.place))
        return visited

    def _try(self, job: Job, visited: Visited) -> None:
        try:
            for training in job.chain:
                self._train(training)
            self._score(job)
        except (OutOfTimeError, InterruptedRunError, DiskFullError, RunLockedError):
            raise
        except NevusError as error:
            # One row that cannot run (weights that are not here) must not keep back the others.
            visited.failed.append((job.name, str(error)))
            self.watch.note(f"{job.name} failed: {error}")
        else:
            visited.done.append(job.name)

    def _train(self, training: Training) -> None:
        if is_finished(self.place, training):
            return
        self._check_time()
        self.watch.note(f"training {training.name}")
        options = self._options(training)
        began = time.monotonic()
        steps = _count_done(self.place.run(training))
        outcome = train(training.read_recipe(self.place), options, reporter=self.watch.reporter)
        seconds = time.monotonic() - began
        machine = describe_machine(self.device)
        note_visit(
            self.place.out,
            kind=f"train {training.shape}",
            device=SpeedBook(self.place, self.device, measure=False).name,
            name=training.name,
            seconds=round(seconds, 3),
            count=outcome.step - steps,
            machine=machine,
        )
        _keep_seconds(self.place.run(training), seconds, machine)
        if outcome.signal_number:
            raise _interrupted(training.name, outcome.signal_number)
        if not outcome.finished:
            raise OutOfTimeError("time is up")
        document = describe_training(self.place, training, outcome.step)
        text = json.dumps(document, indent=1, allow_nan=False)
        write_atomically(self.place.run(training) / FINISHED, text.encode())

    def _options(self, training: Training) -> TrainOptions:
        options = TrainOptions(
            data=self.place.data,
            out=self.place.run(training),
            fold=training.fold,
            resume=True,
            device=self.device_name,
            max_minutes=self._minutes_left(),
            save_minutes=self.save_minutes,
            validate_epochs=training.validate_epochs,
        )
        if training.split == "grouped":
            return options
        folder = self.place.split(training)
        if not (folder / "training.json").is_file():
            task = training.recipe.task
            write_split(training.split, task, self.place.data, training.fold, folder)
        return replace(options, split=folder / "training.json")

    def _score(self, job: Job) -> None:
        self._check_time()
        self.watch.note(f"predicting and scoring {job.name}")
        began = time.monotonic()
        # A visit that only predicts takes the threads its training had.
        torch.set_num_threads(_find_threads(self.place.run(job.trainings[0])))
        out = job.predictions(self.place.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        task = Task(job.row, job.trainings, self.place, out, self.device, self._advance)
        scored = score_row(task)
        seconds = time.monotonic() - began
        result = make_result(job, self.place, scored, seconds, describe_machine(self.device))
        write_result(self.place.out, result, scored.arrays)
        if len(job.trainings) == 1:
            note_visit(
                self.place.out,
                kind=predict_kind(job.trainings[0], crf=has_crf(job)),
                device=SpeedBook(self.place, self.device, measure=False).name,
                name=job.name,
                seconds=round(seconds, 3),
                count=result.n,
            )
        self.watch.note(f"{job.name}: {job.table.metric} {result.value:.4f}, n = {result.n}")

    def _advance(self, done: int, total: int) -> None:
        self.watch.progress(done, total)
        if self._stop.signal_number:
            raise _interrupted("predicting", self._stop.signal_number)

    def _minutes_left(self) -> float | None:
        return None if self._until is None else max(self._until - time.monotonic(), 0) / 60

    def _check_time(self) -> None:
        if self._stop.signal_number:
            raise _interrupted("between two stages", self._stop.signal_number)
        if self._until is not None and time.monotonic() >= self._until:
            raise OutOfTimeError("time is up")


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold a reproduction's folder for this process alone.

    Raises:
        RunLockedError: Another process holds it.
    """
    place.out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place.lock, timeout=0.5):
            yield
    except Timeout as error:
        raise RunLockedError(
            f"another `nevus reproduce` is at work in {place.out}",
            hint="wait for it, or use another --out",
        ) from error


def _interrupted(where: str, number: int) -> InterruptedRunError:
    error = InterruptedRunError(f"stopped by a signal, {where}", signal_number=number)
    error.hint = "the same command goes on"
    return error


def _count_done(run: Path) -> int:
    from nevus.training.journal import read_journal

    return max((int(e.get("step", 0)) for e in read_journal(run / "metrics.jsonl")), default=0)


def _keep_seconds(run: Path, seconds: float, machine: dict[str, Any]) -> None:
    with (run / "sittings.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"seconds": round(seconds, 3), "machine": machine}) + "\n")


def _find_threads(run: Path) -> int:
    manifest = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return int(manifest["threads"])
