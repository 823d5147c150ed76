"""The loop: steps, validation, checkpoints, stopping; the same for every learner."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nevus.data.dataset import Batch
from nevus.data.seeds import mix_seed
from nevus.errors import TrainingError
from nevus.training.distributed import Group
from nevus.training.journal import Journal, Reporter, Values
from nevus.training.learner import Learner
from nevus.training.loader_deaths import tell_loader_deaths
from nevus.training.optimization import Moment
from nevus.training.signals import StoppedAtOnceError, StopRequest
from nevus.training.state import RunState, write_state
from nevus.training.workload import Validation

SKIPS_ALLOWED = 10


@dataclass(frozen=True)
class Schedule:
    """Lengths and intervals of a run.

    Attributes:
        steps_per_epoch: Steps of one epoch.
        total: Steps in all.
        seed: The run's.
        save_minutes: Minutes between states within an epoch.
        save_steps: Steps between states, besides; 0 for none.
        validate_epochs: Epochs between validations; the last epoch is always validated.
        stop_epoch: Validate and stop after this epoch; 0 for none.
        validate_at_stop: Validate and publish, too, when a time limit stops the run; a signal
            leaves no time for that.
    """

    steps_per_epoch: int
    total: int
    seed: int
    save_minutes: float = 5.0
    save_steps: int = 0
    validate_epochs: int = 1
    stop_epoch: int = 0
    validate_at_stop: bool = False


@dataclass(frozen=True)
class Hooks:
    """What the loop calls and does not know.

    Attributes:
        validate: network -> scores, and what else prediction will need.
        draw: network -> overlays of a few validation photographs.
        publish: (name, scores, state) writes a checkpoint for prediction.
    """

    validate: Callable[[nn.Module], Validation]
    draw: Callable[[nn.Module], list[NDArray[np.uint8]]]
    publish: Callable[[str, Values, RunState], None]


class Loop:
    """Runs a learner from a state to the end, or to a stop.

    Args:
        learner: What is trained.
        group: The run's processes.
        schedule: Lengths and intervals.
        hooks: Validation and publishing.
        folder: The run folder's ``state`` folder.
        journal: Where numbers go; None in all processes but the first.
        reporter: Who watches.
    """

    def __init__(
        self,
        learner: Learner,
        group: Group,
        schedule: Schedule,
        hooks: Hooks,
        *,
        folder: Path,
        journal: Journal | None,
        reporter: Reporter,
    ) -> None:
        self.learner = learner
        self.group = group
        self.schedule = schedule
        self.hooks = hooks
        self.folder = folder
        self.journal = journal
        self.reporter = reporter

    def run(self, batches: Iterable[Batch], state: RunState, stop: StopRequest) -> bool:
        """Train until the end; return whether it was reached, False after a stop.

        Raises:
            TrainingError: Ten steps in a row were not finite, or a loader process died.
        """
        self.reporter.started(state.step, self.schedule.total)
        try:
            with tell_loader_deaths():
                return self._run(batches, state, stop)
        except StoppedAtOnceError:
            self._save(state)
            return False

    def _run(self, batches: Iterable[Batch], state: RunState, stop: StopRequest) -> bool:
        began, earlier, saved = time.monotonic(), state.seconds, time.monotonic()
        if self._epoch_ended(state) and self._count_epochs(state) > state.validated:
            # A signal broke this validation off.
            self._validate(state, stop)
        if self._is_far_enough(state):
            return state.step == self.schedule.total
        for batch in self._fetch(batches, stop):
            self._step(batch, state)
            state.seconds = earlier + time.monotonic() - began
            ended = self._epoch_ended(state)
            if ended:
                self._validate(state, stop)
            stopping = self.group.any(stop.is_set) or self._is_far_enough(state)
            if stopping and not ended and self._may_validate_at_stop(stop):
                self._validate(state, stop)
            if stopping or self._save_is_due(state, saved):
                self._save(state)
                saved = time.monotonic()
            if stopping:
                return state.step == self.schedule.total
        return True

    def _fetch(self, batches: Iterable[Batch], stop: StopRequest) -> Iterator[Batch]:
        # Between batches a learner may mine negatives, which takes minutes.
        iterator = iter(batches)
        while True:
            with self._breakable(stop):
                batch = next(iterator, None)
            if batch is None:
                return
            yield batch

    def _breakable(self, stop: StopRequest) -> AbstractContextManager[None]:
        # Several processes wait for each other: none of them may leave alone.
        return stop.at_once() if self.group.world_size == 1 else nullcontext()

    def _step(self, batch: Batch, state: RunState) -> None:
        # Dropout draws from the global generator: seeded per step, resuming needs no state of it.
        torch.manual_seed(mix_seed(self.schedule.seed, "step", state.step, self.group.rank))
        epoch = self._count_epochs(state)
        terms = self.learner.step(batch, Moment(state.step, self.schedule.total, epoch))
        state.step += 1
        if terms is None:
            self._count_skip(state)
            return
        state.skipped_in_row = 0
        self.reporter.stepped(state.step, terms)
        if self.journal:
            self.journal.write(step=state.step, epoch=epoch + 1, **terms)

    def _count_skip(self, state: RunState) -> None:
        state.skipped += 1
        state.skipped_in_row += 1
        self.reporter.noted(f"step {state.step}: loss or gradient not finite, step skipped")
        if self.journal:
            self.journal.write(step=state.step, skipped=state.skipped)
        if state.skipped_in_row >= SKIPS_ALLOWED:
            raise TrainingError(
                f"{SKIPS_ALLOWED} steps in a row were not finite, up to step {state.step}",
                hint="a lower optimizer.lr, or training.precision=float32",
            )

    def _epoch_ended(self, state: RunState) -> bool:
        rest = state.step % self.schedule.steps_per_epoch
        epoch = self._count_epochs(state)
        chosen = epoch % self.schedule.validate_epochs == 0 or epoch == self.schedule.stop_epoch
        return rest == 0 and (chosen or state.step == self.schedule.total)

    def _may_validate_at_stop(self, stop: StopRequest) -> bool:
        return self.schedule.validate_at_stop and not self.group.any(bool(stop.signal_number))

    def _is_far_enough(self, state: RunState) -> bool:
        return 0 < self.schedule.stop_epoch <= self._count_epochs(state)

    def _count_epochs(self, state: RunState) -> int:
        return state.step // self.schedule.steps_per_epoch

    def _validate(self, state: RunState, stop: StopRequest) -> None:
        epoch = self._count_epochs(state)
        with self._breakable(stop):
            validation = self.hooks.validate(self.learner.predictor)
        scores = dict(validation.scores)
        state.validated = epoch
        # Of equals the later: at the start a metric may stay at 0 for many epochs.
        better = state.best is None or scores["metric"] >= state.best
        if better:
            state.best = scores["metric"]
        if self.group.is_first:
            if better:
                self.hooks.publish("best", scores, state)
            self.hooks.publish("last", scores, state)
        self.reporter.validated(epoch, scores, best=better)
        for remark in validation.remarks:
            self.reporter.noted(remark)
        self.reporter.pictured(lambda: self.hooks.draw(self.learner.predictor))
        if self.journal:
            self.journal.write(step=state.step, epoch=epoch, validation=True, **scores)
        self._save(state)

    def _save_is_due(self, state: RunState, saved: float) -> bool:
        if self.schedule.save_steps and state.step % self.schedule.save_steps == 0:
            return True
        return self.group.any(time.monotonic() - saved > 60 * self.schedule.save_minutes)

    def _save(self, state: RunState) -> None:
        state.extra = self.learner.guard.state()
        if self.group.is_first:
            write_state(self.folder, self.learner, state)
        self.group.wait()
