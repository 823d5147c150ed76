"""What a GPU would make of a batch is what a loader process makes of it, sample by sample."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torchvision import tv_tensors

from nevus.data.batched import recolor, warp
from nevus.data.cache import Cache, CacheItem, open_cache
from nevus.data.changes import Change, draw_change
from nevus.data.dataset import LesionDataset
from nevus.data.resident import ResidentBatches
from nevus.data.transforms import augment
from nevus.imaging.preparation import Preparation
from nevus.options import AugmentationOptions

CPU = torch.device("cpu")
STRONG = AugmentationOptions(
    quarter_turns=True, rotate=90, scale=(0.8, 1.2), brightness=0.3, contrast=0.3,
    saturation=0.3, hue=0.1, erase=0.5,
)  # fmt: skip
KEYS = [(turn, index) for turn in range(8) for index in range(3)]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    items = []
    for index in range(3):
        image, mask = Image.new("RGB", (64, 48), (190, 140, 120)), Image.new("L", (64, 48))
        box = (10 + 5 * index, 8, 40 + 5 * index, 36)
        ImageDraw.Draw(image).ellipse(box, (90, 40 + 30 * index, 30))
        ImageDraw.Draw(image).line((0, 0, 63, 47), (20, 30, 60 + 60 * index), 3)
        ImageDraw.Draw(mask).ellipse(box, 255)
        image.save(tmp_path / f"{index}.png")
        mask.save(tmp_path / f"{index}_mask.png")
        masks = (tmp_path / f"{index}_mask.png",) * 2
        items.append(CacheItem(str(index), tmp_path / f"{index}.png", masks))
    return open_cache(items, Preparation((48, 64)), folder=tmp_path / "cache")


def dataset(cache: Cache, **more: object) -> LesionDataset:
    given: dict[str, object] = {"augmentation": STRONG, "crop": (40, 40), "seed": 3, "masks": 2}
    return LesionDataset(cache, (2, 0, 1), **(given | more))  # type: ignore[arg-type]


def compare(samples: LesionDataset) -> tuple[torch.Tensor, torch.Tensor]:
    (batch,) = ResidentBatches(samples, [KEYS], CPU)
    single = [samples[key] for key in KEYS]
    images = torch.stack([sample.images for sample in single])
    targets = torch.stack([sample.target for sample in single])
    assert batch.images.shape == images.shape
    assert batch.images.dtype == images.dtype
    assert batch.target.shape == targets.shape
    assert batch.places.tolist() == [index for _, index in KEYS]
    return (batch.images.int() - images.int()).abs().float(), batch.target - targets


def test_photographs_and_masks_are_those_of_a_loader(cache: Cache) -> None:
    difference, moved = compare(dataset(cache))
    # A loader cuts down to bytes five times, a batch rounds once.
    assert float(difference.mean()) < 2.5
    assert float((difference > 8).float().mean()) < 0.002
    assert float((moved != 0).float().mean()) < 0.002


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_moves_without_interpolation_are_exact(cache: Cache, turns: int, mirrored: bool) -> None:
    change = Change(top=3, left=7, mirrored=mirrored, upturned=True, turns=turns)
    image = torch.from_numpy(np.array(cache.images[:1])).permute(0, 3, 1, 2)
    expected = image[:, :, 3:43, 7:47].flip(2)
    expected = torch.rot90(expected.flip(3) if mirrored else expected, turns, (-2, -1))
    given = warp(image.float(), [change], (40, 40), nearest=False)
    assert torch.equal(given.round().to(torch.uint8), expected)


def test_without_augmentation_photographs_stay_as_they_are(cache: Cache) -> None:
    difference, moved = compare(dataset(cache, augmentation=None, crop=None))
    assert not float(difference.max())
    assert not float(moved.abs().max())


def test_classes_and_mixtures_are_those_of_a_loader(cache: Cache) -> None:
    labels = {"labels": (4, 1, 1), "masks": 1}
    difference, other = compare(dataset(cache, **labels))
    assert float(difference.mean()) < 2.5
    assert not float(other.abs().max())
    difference, other = compare(dataset(cache, **labels, mixup=0.4, shares={1: 0.5, 4: 0.5}))
    assert float(difference.mean()) < 2.5
    assert float(other.abs().max()) < 1e-6


def test_every_hue_turns_as_in_a_loader() -> None:
    steps = torch.linspace(0, 255, 8).round().to(torch.uint8)
    image = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij")).reshape(3, 8, 64)
    for hue in (-0.4, -0.05, 0.1, 0.5):
        options = AugmentationOptions(flip_horizontal=0, flip_vertical=0, hue=abs(hue))
        seed = torch.Generator().manual_seed(int(100 + 50 * hue))
        expected = augment(tv_tensors.Image(image), None, options, crop=None, generator=seed)[0]
        again = torch.Generator().manual_seed(int(100 + 50 * hue))
        change = draw_change(options, (8, 64), None, again)
        given = (recolor(image[None].float() / 255, [change])[0] * 255).round()
        assert float((given - expected.float()).abs().max()) <= 2


def test_a_square_is_erased_from_the_photograph_and_not_from_its_mask(cache: Cache) -> None:
    options = AugmentationOptions(flip_horizontal=0, flip_vertical=0, erase=1)
    samples = dataset(cache, augmentation=options, crop=None)
    plain = dataset(cache, augmentation=None, crop=None)
    for key in KEYS:
        changed = (samples[key].images != plain[key].images).any(0)
        assert 0 < int(changed.sum()) <= (0.4 * 48 + 1) ** 2
        assert torch.equal(samples[key].target, plain[key].target)
