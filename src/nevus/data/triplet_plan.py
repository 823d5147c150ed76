"""Batches of triplets in turn with batches of single samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from nevus.data.plans import Key, Plan
from nevus.data.seeds import mix_seed
from nevus.errors import RecipeError
from nevus.options import TripletOptions


@dataclass(frozen=True)
class Phases:
    """Which epochs train on triplets, and before which of them negatives are mined anew.

    Args:
        options: Lengths of phases and interval of mining, in epochs.
    """

    options: TripletOptions

    def is_triplet(self, epoch: int) -> bool:
        """Return whether an epoch, counted from 0, trains on triplets."""
        first = self.options.cross_entropy_epochs
        return epoch % (first + self.options.triplet_epochs) >= first

    def mining_epochs(self, epochs: int) -> list[int]:
        """Return the epochs before which to mine: the first triplet epoch of each interval."""
        found: list[int] = []
        for begin in range(0, epochs, self.options.mine_epochs):
            end = min(begin + self.options.mine_epochs, epochs)
            first = next((e for e in range(begin, end) if self.is_triplet(e)), None)
            if first is not None:
                found.append(first)
        return found

    def changing_epochs(self, epochs: int) -> list[int]:
        """Return the epochs that are of another kind than the epoch before."""
        return [e for e in range(1, epochs) if self.is_triplet(e) != self.is_triplet(e - 1)]


class TripletPlan:
    """A plan of single samples in whose triplet phases batches are (anchor, positive, negative).

    Each batch of a triplet phase holds ``batch_size // 3`` triplets, laid out one after another.
    Anchors: each anchoring class equally often, then each of its photographs.

    Args:
        inner: The plan of the cross-entropy phases.
        labels: The class of each sample.
        anchors: Positions that may anchor.
        negatives: Returns (A, K) positions of negatives as mined last.
        phases: Which epochs.
        batch_size: The run's.
        seed: The run's.

    Raises:
        RecipeError: A batch has no room for one triplet, or nothing can anchor.
    """

    def __init__(
        self,
        inner: Plan,
        labels: Sequence[int],
        anchors: Sequence[int],
        negatives: Callable[[], torch.Tensor],
        *,
        phases: Phases,
        batch_size: int,
        seed: int,
    ) -> None:
        if batch_size < 3 or not anchors:
            raise RecipeError(
                f"no triplets from batches of {batch_size} and {len(anchors)} anchors",
                hint="at least 3, and a class besides the most frequent with two photographs",
            )
        self.steps_per_epoch, self.total = inner.steps_per_epoch, inner.total
        self.phases = phases
        self._inner = inner
        self._negatives = negatives
        self._triplets = batch_size // 3
        self._seed = seed
        self._rows: dict[int, list[int]] = {}
        for row, place in enumerate(anchors):
            self._rows.setdefault(labels[place], []).append(row)
        self._anchors = tuple(anchors)

    def batch(self, step: int) -> list[Key]:
        """Return the samples of a step; triplets as anchor, positive, negative in a row."""
        if not self.phases.is_triplet(step // self.steps_per_epoch):
            return self._inner.batch(step)
        generator = torch.Generator().manual_seed(mix_seed(self._seed, "triplets", step))
        negatives = self._negatives()
        classes = sorted(self._rows)
        keys: list[Key] = []
        for number in range(self._triplets):
            rows = self._rows[classes[_draw(len(classes), generator)]]
            anchor = _draw(len(rows), generator)
            # Any other photograph of the class: the shift is never 0.
            positive = (anchor + 1 + _draw(len(rows) - 1, generator)) % len(rows)
            row = rows[anchor]
            negative = int(negatives[row, _draw(negatives.shape[1], generator)])
            turn = step * self._triplets + number
            places = (self._anchors[row], self._anchors[rows[positive]], negative)
            keys += [(turn, place) for place in places]
        return keys


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
