"""Batches of photographs that stay in a device's memory: nothing is loaded, nothing travels."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch.nn.functional import one_hot

from nevus.data.batched import recolor, warp
from nevus.data.cache import read_cache
from nevus.data.changes import Change
from nevus.data.dataset import Batch, LesionDataset
from nevus.data.plans import Key
from nevus.labels import DIAGNOSES


class ResidentBatches:
    """The batches a loader of the same data set would give, made on the device.

    The same key gives the same appearance as there, but for the roundings of `batched`.

    Args:
        dataset: What is shown, and how it is changed.
        batches: The keys of each batch.
        device: Where photographs and batches are.
    """

    def __init__(
        self, dataset: LesionDataset, batches: Iterable[Sequence[Key]], device: torch.device
    ) -> None:
        self.dataset = dataset
        self.batches = batches
        self.device = device
        self._images, self._masks = _upload(dataset.cache.place, dataset.indices, device)
        self._labels = torch.tensor(dataset.labels or (), device=device)

    def __iter__(self) -> Iterator[Batch]:
        """Give the batches in their order."""
        for keys in self.batches:
            yield self._mixed(keys) if self.dataset.mixes else self._plain(keys)

    def _plain(self, keys: Sequence[Key]) -> Batch:
        rows = torch.tensor([index for _, index in keys], device=self.device)
        changes = self.dataset.changes(keys)
        images = self._images[rows]
        if changes is not None:
            images = self._changed(images, changes)
        if self.dataset.labels:
            return Batch(images, self._labels[rows], rows)
        return Batch(images, self._unpack(self._masks[rows], changes), rows)

    def _changed(self, images: torch.Tensor, changes: Sequence[Change]) -> torch.Tensor:
        warped = warp(images.float() / 255, changes, self.dataset.crop, nearest=False)
        return (recolor(warped, changes) * 255).round().to(torch.uint8)

    def _unpack(self, packed: torch.Tensor, changes: Sequence[Change] | None) -> torch.Tensor:
        shifts = torch.arange(self.dataset.masks, device=self.device, dtype=torch.uint8)
        if changes is not None:
            # Whole numbers below 256 pass a nearest-neighbour warp unchanged, all masks at once.
            moved = warp(packed[:, None].float(), changes, self.dataset.crop, nearest=True)
            packed = moved[:, 0].to(torch.uint8)
        return (packed[:, None] >> shifts.view(1, -1, 1, 1)) & 1

    def _mixed(self, keys: Sequence[Key]) -> Batch:
        partners = [self.dataset.partner(key) for key in keys]
        first, second = self._plain(keys), self._plain([key for key, _ in partners])
        share = torch.tensor([share for _, share in partners], device=self.device)[:, None]
        one, two = (one_hot(part.target, len(DIAGNOSES)).float() for part in (first, second))
        wide = share[:, :, None, None]
        images = (wide * first.images.float() + (1 - wide) * second.images.float()).round()
        return Batch(images.to(torch.uint8), share * one + (1 - share) * two, first.places)


# A run asks for the same photographs again at every mining; it has no room for them twice.
@lru_cache(maxsize=1)
def _upload(
    place: Path, indices: tuple[int, ...], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return photographs (N, 3, H, W) and packed masks (N, H, W), uint8, on a device."""
    cache, rows = read_cache(place), list(indices)
    images = torch.from_numpy(cache.images[rows]).to(device)
    return images.permute(0, 3, 1, 2).contiguous(), torch.from_numpy(cache.masks[rows]).to(device)
