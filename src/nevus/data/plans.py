"""Which samples make which batch: pure functions of seed and step, the same in every process."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import Sampler

from nevus.data.seeds import mix_seed
from nevus.errors import DataError

Key = tuple[int, int]
"""(turn, index): the sample's position, and what tells its appearances apart for augmentation."""


class Plan(Protocol):
    """The batches of a whole run."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch."""

    @property
    def total(self) -> int:
        """Batches in all."""

    def batch(self, step: int) -> list[Key]:
        """Return the samples of a step, over all processes."""


class ShuffledPlan:
    """Every sample once an epoch, in an order of the epoch's own.

    The last, incomplete batch of an epoch is dropped, so that all batches are of equal size.

    Args:
        count: Samples in the data set.
        batch_size: Samples of one step over all processes.
        epochs: How many.
        seed: The run's.
        epoch_steps: Batches of an epoch at most; 0 for as many as there are.

    Raises:
        DataError: The data set is smaller than one batch.
    """

    def __init__(
        self, count: int, *, batch_size: int, epochs: int, seed: int, epoch_steps: int = 0
    ) -> None:
        if count < batch_size:
            raise DataError(
                f"{count} training photographs are less than one batch of {batch_size}",
                hint="--set training.batch_size=...",
            )
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_epoch = min(count // batch_size, epoch_steps or count)
        self.total = self.steps_per_epoch * epochs
        self._order = lru_cache(maxsize=2)(self._make_order)

    def batch(self, step: int) -> list[Key]:
        """Return the samples of a step, each with its epoch."""
        epoch, place = divmod(step, self.steps_per_epoch)
        begin = place * self.batch_size
        return [(epoch, index) for index in self._order(epoch)[begin : begin + self.batch_size]]

    def _make_order(self, epoch: int) -> list[int]:
        return _permutation(self.count, mix_seed(self.seed, "order", epoch))


class BalancedPlan:
    """Classes in chosen shares, every class's samples equally often.

    A class of n samples is shown in proportion to ``n ** (1 - power)``: power 0 leaves the data
    as it is, 1 shows all classes equally often. An epoch is as long as the data set.

    Args:
        labels: The class of each sample.
        batch_size: Samples of one step over all processes.
        epochs: How many.
        seed: The run's.
        power: In [0, 1].
        epoch_steps: Batches of an epoch at most; 0 for as long as the data set.

    Raises:
        DataError: The data set is smaller than one batch.
    """

    def __init__(
        self,
        labels: Sequence[int],
        *,
        batch_size: int,
        epochs: int,
        seed: int,
        power: float,
        epoch_steps: int = 0,
    ) -> None:
        shuffled = ShuffledPlan(
            len(labels), batch_size=batch_size, epochs=epochs, seed=seed, epoch_steps=epoch_steps
        )
        self.steps_per_epoch, self.total = shuffled.steps_per_epoch, shuffled.total
        self.batch_size = batch_size
        self.seed = seed
        self.shares = class_shares(labels, power)
        self._members = {
            label: [i for i, own in enumerate(labels) if own == label] for label in self.shares
        }
        self._order = lru_cache(maxsize=2)(self._make_order)

    def batch(self, step: int) -> list[Key]:
        """Return the samples of a step; the step tells repeated samples apart."""
        epoch, place = divmod(step, self.steps_per_epoch)
        begin = place * self.batch_size
        return [(step, index) for index in self._order(epoch)[begin : begin + self.batch_size]]

    def _make_order(self, epoch: int) -> list[int]:
        length = self.steps_per_epoch * self.batch_size
        quotas = _quotas(self.shares, length)
        chosen = [
            index
            for label, quota in quotas.items()
            for index in self._cycle(label, epoch * quota, quota)
        ]
        return [chosen[i] for i in _permutation(length, mix_seed(self.seed, "order", epoch))]

    def _cycle(self, label: int, start: int, count: int) -> Iterator[int]:
        # One endless row of reshuffled rounds: no sample is shown again before all others were.
        members = self._members[label]
        turn, order = -1, [0]
        for position in range(start, start + count):
            now, place = divmod(position, len(members))
            if now != turn:
                turn = now
                order = _permutation(len(members), mix_seed(self.seed, "class", label, turn))
            yield members[order[place]]


class RunBatches(Sampler[list[Key]]):
    """A plan's batches from one step to another, one process's share of each.

    One sampler for many epochs keeps the loader's workers alive and makes resuming a matter of
    `start`.

    Args:
        plan: Says what a batch holds.
        start: First step to give.
        stop: Step before which to end; None for the plan's end.
        rank: This process.
        world_size: Number of processes.

    Raises:
        DataError: Batches cannot be shared evenly.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        start: int = 0,
        stop: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.plan = plan
        self.start = start
        self.stop = plan.total if stop is None else stop
        self.rank = rank
        self.world_size = world_size
        size = len(plan.batch(start)) if start < self.stop else world_size
        if size % world_size:
            raise DataError(
                f"a batch of {size} cannot be shared by {world_size} processes",
                hint="--set training.batch_size=...",
            )

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[Key]]:
        for step in range(self.start, self.stop):
            batch = self.plan.batch(step)
            share = len(batch) // self.world_size
            yield batch[self.rank * share : (self.rank + 1) * share]


def class_shares(labels: Sequence[int], power: float) -> dict[int, float]:
    """Return class -> share of what is shown, in proportion to ``n ** (1 - power)``."""
    counts = Counter(labels)
    weights = {label: counts[label] ** (1 - power) for label in sorted(counts)}
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def _quotas(shares: dict[int, float], length: int) -> dict[int, int]:
    # Largest remainders: whole numbers that sum to the length.
    exact = {label: share * length for label, share in shares.items()}
    quotas = {label: int(np.floor(value)) for label, value in exact.items()}
    rest = length - sum(quotas.values())
    for label in sorted(exact, key=lambda label: (quotas[label] - exact[label], label))[:rest]:
        quotas[label] += 1
    return quotas


def _permutation(count: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order
