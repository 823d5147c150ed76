"""Samples whose content is a pure function of (seed, turn, index)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from nevus.data.cache import Cache, unpack_masks
from nevus.data.changes import Change, draw_change
from nevus.data.plans import Key
from nevus.data.seeds import mix_seed
from nevus.data.transforms import augment
from nevus.labels import DIAGNOSES
from nevus.options import AugmentationOptions


class Batch(NamedTuple):
    """What a learner takes a step on.

    Attributes:
        images: (N, 3, H, W) uint8.
        target: (N, C, H, W) uint8 in {0, 1}, one plane per mask; or (N,) int64 classes, or
            (N, 7) class probabilities of mixed photographs.
        places: (N,) int64, positions in the data set.
    """

    images: torch.Tensor
    target: torch.Tensor
    places: torch.Tensor


class LesionDataset(Dataset[Batch]):
    """Augmented photographs with their masks or classes, asked for by (turn, index).

    Args:
        cache: Decoded photographs and masks.
        indices: Which of them, by position in the cache.
        augmentation: None for none.
        crop: (height, width) of random crops, or None.
        seed: The run's.
        masks: How many masks the target holds.
        labels: The class of each of `indices`: the target then holds classes, not masks.
        mixup: Parameter of the Beta distribution of mixing; 0 for none. With it the target of a
            sample holds class probabilities.
        shares: Class -> share of what is shown, which mixing keeps.
    """

    def __init__(
        self,
        cache: Cache,
        indices: Sequence[int],
        *,
        augmentation: AugmentationOptions | None,
        crop: tuple[int, int] | None,
        seed: int,
        masks: int = 1,
        labels: Sequence[int] | None = None,
        mixup: float = 0.0,
        shares: Mapping[int, float] | None = None,
    ) -> None:
        self.cache = cache
        self.indices = tuple(indices)
        self.augmentation = augmentation
        self.crop = crop
        self.seed = seed
        self.masks = masks
        self.labels = None if labels is None else tuple(labels)
        self.mixup = mixup
        self.shares = dict(shares or {})
        self._members: dict[int, list[int]] = {label: [] for label in self.shares}
        for place, label in enumerate(labels or ()):
            self._members.setdefault(label, []).append(place)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: Key) -> Batch:
        """Return one sample, shapes as in `Batch` without N; `key` is (turn, index)."""
        if not self.mixes:
            return self._sample(key)
        partner, share = self.partner(key)
        return _mix(self._sample(key), self._sample(partner), share)

    @property
    def mixes(self) -> bool:
        """Whether a sample is a mixture of two photographs."""
        return bool(self.mixup and self.labels)

    def partner(self, key: Key) -> tuple[Key, float]:
        """Return whom a sample is mixed with, and the sample's own share in [0, 1]."""
        turn, index = key
        generator = np.random.default_rng(mix_seed(self.seed, "mixup", turn, index))
        share = float(generator.beta(self.mixup, self.mixup))
        # Partners come in the classes' shares, as the samples themselves do.
        label = int(generator.choice(list(self.shares), p=list(self.shares.values())))
        members = self._members[label]
        other = members[int(generator.integers(len(members)))]
        return (-1 - turn, other), share

    def changes(self, keys: Sequence[Key]) -> list[Change] | None:
        """Return how each sample's appearance differs from its photograph; None for not at all."""
        if self.augmentation is None:
            return None
        height, width = self.cache.images.shape[1:3]
        return [
            draw_change(self.augmentation, (height, width), self.crop, self._generator(key))
            for key in keys
        ]

    def _generator(self, key: Key) -> torch.Generator:
        return torch.Generator().manual_seed(mix_seed(self.seed, "sample", *key))

    def _sample(self, key: Key) -> Batch:
        index = key[1]
        place = self.indices[index]
        pixels = torch.from_numpy(np.array(self.cache.images[place])).permute(2, 0, 1)
        image = tv_tensors.Image(pixels)
        mask = None if self.labels else self._mask(place)
        if self.augmentation is not None:
            image, mask = augment(
                image, mask, self.augmentation, crop=self.crop, generator=self._generator(key)
            )
        if mask is None:
            target = torch.tensor(self.labels[index] if self.labels else 0)
        else:
            target = mask.as_subclass(torch.Tensor).contiguous()
        plain = image.as_subclass(torch.Tensor).contiguous()
        return Batch(plain, target, torch.tensor(index))

    def _mask(self, place: int) -> tv_tensors.Mask:
        return tv_tensors.Mask(torch.from_numpy(unpack_masks(self.cache.masks[place], self.masks)))


def _mix(first: Batch, second: Batch, share: float) -> Batch:
    images = share * first.images.float() + (1 - share) * second.images.float()
    target = torch.zeros(len(DIAGNOSES))
    target[int(first.target)] += share
    target[int(second.target)] += 1 - share
    return Batch(images.round().to(torch.uint8), target, first.places)
