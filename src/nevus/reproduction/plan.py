"""What is still missing, in order, and how long it takes here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nevus.reproduction.jobs import Job, is_finished
from nevus.reproduction.scoring import NAMED_STEPS
from nevus.reproduction.speed import SpeedBook
from nevus.reproduction.trainings import Place, Training


@dataclass(frozen=True)
class PlannedJob:
    """A job with what it still takes.

    Attributes:
        job: The row on a fold.
        trainings: Those of its trainings that are not finished and that no job before it brings.
        minutes: Estimated for them and for predicting; None where nothing is known.
    """

    job: Job
    trainings: tuple[Training, ...]
    minutes: float | None


def find_missing(jobs: Sequence[Job], place: Place) -> list[Job]:
    """Return the jobs without a result; those whose trainings are all there come first."""
    missing = [job for job in jobs if not job.is_done(place.out)]
    return sorted(missing, key=lambda job: not all(is_finished(place, t) for t in job.chain))


def make_plan(
    jobs: Sequence[Job], place: Place, book: SpeedBook, sizes: Mapping[str, int]
) -> list[PlannedJob]:
    """Return the missing jobs with estimated minutes; a shared training is counted once.

    Args:
        jobs: In order.
        place: Data and results.
        book: Speeds of this device.
        sizes: task -> number of photographs.
    """
    planned: list[PlannedJob] = []
    brought: set[str] = set()
    for job in find_missing(jobs, place):
        needed = tuple(t for t in job.chain if t.key not in brought and not is_finished(place, t))
        brought.update(t.key for t in needed)
        parts = [estimate_training(t, book, sizes) for t in needed]
        parts.append(estimate_prediction(job, book, sizes))
        known = [part for part in parts if part is not None]
        minutes = sum(known) / 60 if len(known) == len(parts) else None
        planned.append(PlannedJob(job, needed, minutes))
    return planned


def count_steps(training: Training, photographs: int) -> int:
    """Return the steps of a training on its share of a number of photographs."""
    options = training.recipe.training
    own = photographs * (training.fold[1] - 1) // training.fold[1]
    if training.split == "held_out":
        own = own * 4 // 5
    epoch = max(own // options.batch_size, 1)
    return options.epochs * min(epoch, options.epoch_steps or epoch)


def estimate_training(
    training: Training, book: SpeedBook, sizes: Mapping[str, int]
) -> float | None:
    """Return a training's seconds, the last validation included."""
    photographs = sizes[training.recipe.task]
    step = book.train_seconds(training)
    return step and step * count_steps(training, photographs)


def estimate_prediction(job: Job, book: SpeedBook, sizes: Mapping[str, int]) -> float | None:
    """Return the seconds of predicting a fold with all members of a row."""
    number = sizes[job.table.task] / job.fold[1]
    crf = has_crf(job)
    parts = [book.predict_seconds(t, crf=crf and t is job.trainings[0]) for t in job.trainings]
    known = [part for part in parts if part is not None]
    return sum(known) * number if len(known) == len(parts) else None


def has_crf(job: Job) -> bool:
    """Return whether a row's post-processing has a CRF, which takes longer than the network."""
    steps = job.row.steps
    chain = NAMED_STEPS[steps] if isinstance(steps, str) else steps
    return any(step["name"] == "crf" for step in chain)
