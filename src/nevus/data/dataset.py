"""Samples and batches whose order and content are pure functions of (seed, epoch, index)."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler
from torchvision import tv_tensors

from nevus.data.cache import Cache
from nevus.data.transforms import augment
from nevus.errors import DataError
from nevus.recipe import AugmentationOptions


class Batch(NamedTuple):
    """What a learner takes a step on.

    Attributes:
        images: (N, 3, H, W) uint8.
        target: (N, 1, H, W) uint8 in {0, 1}.
        places: (N,) int64, positions in the data set.
    """

    images: torch.Tensor
    target: torch.Tensor
    places: torch.Tensor


def mix_seed(*parts: int | str) -> int:
    """Return a 63-bit seed that is a pure function of its parts."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class LesionDataset(Dataset[Batch]):
    """Augmented photographs with their masks, asked for by (epoch, index).

    Args:
        cache: Decoded photographs and masks.
        indices: Which of them, by position in the cache.
        augmentation: None for none.
        crop: (height, width) of random crops, or None.
        seed: The run's.
    """

    def __init__(
        self,
        cache: Cache,
        indices: Sequence[int],
        *,
        augmentation: AugmentationOptions | None,
        crop: tuple[int, int] | None,
        seed: int,
    ) -> None:
        self.cache = cache
        self.indices = tuple(indices)
        self.augmentation = augmentation
        self.crop = crop
        self.seed = seed

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        """Return one sample, shapes as in `Batch` without N; `key` is (epoch, index)."""
        epoch, index = key
        place = self.indices[index]
        pixels = torch.from_numpy(np.array(self.cache.images[place])).permute(2, 0, 1)
        truth = torch.from_numpy(np.array(self.cache.masks[place])).unsqueeze(0)
        image, mask = tv_tensors.Image(pixels), tv_tensors.Mask(truth)
        if self.augmentation is not None:
            generator = torch.Generator().manual_seed(mix_seed(self.seed, "sample", epoch, index))
            image, mask = augment(
                image, mask, self.augmentation, crop=self.crop, generator=generator
            )
        plain = image.as_subclass(torch.Tensor).contiguous()
        return Batch(plain, mask.as_subclass(torch.Tensor).contiguous(), torch.tensor(index))


class RunBatches(Sampler[list[tuple[int, int]]]):
    """The batches of a whole run, from any step on, one process's share of each.

    One sampler for all epochs keeps the loader's workers alive and makes resuming a matter of
    `start`. The last, incomplete batch of an epoch is dropped, so that all processes see equally
    many batches of equal size.

    Args:
        count: Samples in the data set.
        batch_size: Samples of one step over all processes.
        epochs: How many.
        seed: The run's.
        start: First step to give.
        rank: This process.
        world_size: Number of processes.

    Raises:
        DataError: The data set is smaller than one batch, or batches cannot be shared evenly.
    """

    def __init__(
        self,
        count: int,
        *,
        batch_size: int,
        epochs: int,
        seed: int,
        start: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if count < batch_size:
            raise DataError(
                f"{count} training photographs are less than one batch of {batch_size}",
                hint="--set training.batch_size=...",
            )
        if batch_size % world_size:
            raise DataError(f"batch_size {batch_size} is no multiple of {world_size} processes")
        self.count = count
        self.batch_size = batch_size
        self.steps_per_epoch = count // batch_size
        self.total = self.steps_per_epoch * epochs
        self.seed = seed
        self.start = start
        self.share = batch_size // world_size
        self.first = rank * self.share

    def __len__(self) -> int:
        return self.total - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self.start, self.total):
            epoch, batch = divmod(step, self.steps_per_epoch)
            if batch == 0 or step == self.start:
                order = self._order(epoch)
            begin = batch * self.batch_size + self.first
            yield [(epoch, index) for index in order[begin : begin + self.share]]

    def _order(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(mix_seed(self.seed, "order", epoch))
        order: list[int] = torch.randperm(self.count, generator=generator).tolist()
        return order
