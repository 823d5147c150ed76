import errno
import os
import pickle
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from nevus.data.cache import CacheItem, cache_folder, open_cache, unpack_masks
from nevus.data.dataset import LesionDataset
from nevus.data.plans import BalancedPlan, RunBatches, ShuffledPlan
from nevus.data.records import find_records
from nevus.data.seeds import mix_seed
from nevus.data.transforms import augment
from nevus.errors import DataError, DiskFullError, UsageError
from nevus.imaging.preparation import Preparation
from nevus.imaging.reading import read_image
from nevus.imaging.resizing import resize_image
from nevus.options import AugmentationOptions

STRONG = AugmentationOptions(
    quarter_turns=True, rotate=90, scale=(0.8, 1.2), brightness=0.2, contrast=0.2,
    saturation=0.2, hue=0.05,
)  # fmt: skip


def pair(size: tuple[int, int] = (40, 40)) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    mask = torch.zeros(1, *size, dtype=torch.uint8)
    mask[:, 5:18, 9:31] = 1
    image = (200 - 150 * mask).repeat(3, 1, 1)
    return tv_tensors.Image(image), tv_tensors.Mask(mask)


def test_photograph_and_mask_move_together() -> None:
    options = AugmentationOptions(quarter_turns=True, rotate=180, scale=(0.8, 1.3))
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        image, mask = augment(*pair(), options, crop=(32, 32), generator=generator)
        assert image.shape == (3, 32, 32)
        assert mask.shape == (1, 32, 32)
        dark = (image[:1] < 125) & (image[:1] > 10)
        disagreement = (dark != mask.bool()).float().mean()
        assert float(disagreement) < 0.06


def test_augmentation_is_a_pure_function_of_its_generator() -> None:
    first = augment(*pair(), STRONG, crop=None, generator=torch.Generator().manual_seed(1))
    torch.rand(5)
    second = augment(*pair(), STRONG, crop=None, generator=torch.Generator().manual_seed(1))
    other = augment(*pair(), STRONG, crop=None, generator=torch.Generator().manual_seed(2))
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[0], other[0])


def test_a_quarter_turn_keeps_the_batch_shape() -> None:
    options = AugmentationOptions(quarter_turns=True)
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        image, _ = augment(*pair((30, 44)), options, crop=None, generator=generator)
        assert image.shape == (3, 30, 44)


def items(root: Path) -> list[CacheItem]:
    return [CacheItem(r.image_id, r.image, (r.mask,)) for r in find_records(root) if r.mask]


def shuffled(count: int, batch_size: int, epochs: int) -> ShuffledPlan:
    return ShuffledPlan(count, batch_size=batch_size, epochs=epochs, seed=5)


def test_cache_is_decoded_once_and_travels_as_a_path(drawn: Path, tmp_path: Path) -> None:
    records = items(drawn)
    first = open_cache(records, Preparation((30, 40)), folder=tmp_path)
    stamp = (first.place / "images.u8").stat().st_mtime_ns
    second = open_cache(records, Preparation((30, 40)), folder=tmp_path)
    assert second.key == first.key
    assert (second.place / "images.u8").stat().st_mtime_ns == stamp
    wanted = resize_image(read_image(records[3].image).pixels, (30, 40))
    assert np.array_equal(first.images[3], wanted)
    assert set(np.unique(first.masks)) == {0, 1}
    message = pickle.dumps(first)
    assert len(message) < 2000
    assert np.array_equal(pickle.loads(message).images, first.images)  # noqa: S301
    assert open_cache(records, Preparation((20, 40)), folder=tmp_path).key != first.key


@pytest.mark.parametrize("name", ["images.u8", "masks.u8", "index.json"])
def test_a_cache_cut_off_is_made_again(drawn: Path, tmp_path: Path, name: str) -> None:
    records = items(drawn)
    first = open_cache(records, Preparation((30, 40)), folder=tmp_path)
    pixels = np.array(first.images)
    os.truncate(first.place / name, 100)
    again = open_cache(records, Preparation((30, 40)), folder=tmp_path)
    assert again.key == first.key
    assert np.array_equal(again.images, pixels)
    (first.place / name).unlink()
    assert open_cache(records, Preparation((30, 40)), folder=tmp_path).key == first.key


def test_who_has_no_home_names_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_more: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_cache_dir", refuse)
    assert cache_folder().name == "cache"
    monkeypatch.delenv("NEVUS_CACHE")
    with pytest.raises(UsageError, match="NEVUS_CACHE"):
        cache_folder()


def test_samples_do_not_depend_on_order(drawn: Path, tmp_path: Path) -> None:
    cache = open_cache(items(drawn), Preparation((40, 40)), folder=tmp_path)
    dataset = LesionDataset(cache, range(10), augmentation=STRONG, crop=(32, 32), seed=3)
    forward = [dataset[(1, index)] for index in range(10)]
    backward = [dataset[(1, index)] for index in reversed(range(10))][::-1]
    for a, b in zip(forward, backward, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.target, b.target)
    assert not torch.equal(dataset[(2, 0)].images, forward[0].images)


def test_masks_share_a_byte(drawn: Path, tmp_path: Path) -> None:
    plain = items(drawn)
    doubled = [CacheItem(i.image_id, i.image, (i.masks[0], o.masks[0])) for i, o in
               zip(plain, reversed(plain), strict=True)]  # fmt: skip
    one = open_cache(plain, Preparation((30, 40)), folder=tmp_path)
    both = open_cache(doubled, Preparation((30, 40)), folder=tmp_path)
    planes = unpack_masks(both.masks[2], 2)
    assert np.array_equal(planes[0], one.masks[2])
    assert np.array_equal(planes[1], one.masks[-3])
    sample = LesionDataset(both, [2], augmentation=None, crop=None, seed=0, masks=2)[(0, 0)]
    assert np.array_equal(sample.target.numpy(), planes)


def test_cache_key_is_of_content_not_of_files(drawn: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(drawn, copy)
    for path in copy.rglob("*.png"):
        os.utime(path, (1, 1))
    first = open_cache(items(drawn), Preparation((30, 40)), folder=tmp_path / "a")
    second = open_cache(items(copy), Preparation((30, 40)), folder=tmp_path / "b")
    assert second.place != first.place
    assert second.key == first.key
    assert (
        open_cache(items(drawn)[1:], Preparation((30, 40)), folder=tmp_path / "a").key != first.key
    )


def test_cropping_to_fit_distorts_nothing(drawn: Path, tmp_path: Path) -> None:
    item = items(drawn)[0]
    cropped = open_cache([item], Preparation((60, 60), "crop"), folder=tmp_path)
    pixels = read_image(item.image).pixels
    assert np.array_equal(cropped.images[0], pixels[:, 10:70])


def test_mixing_keeps_shares_and_is_a_pure_function(drawn: Path, tmp_path: Path) -> None:
    cache = open_cache(items(drawn), Preparation((32, 32)), folder=tmp_path)
    labels = [0] * 12 + [6] * 12
    dataset = LesionDataset(
        cache, range(24), augmentation=None, crop=None, seed=0, labels=labels, mixup=0.4,
        shares={0: 0.25, 6: 0.75},
    )  # fmt: skip
    samples = [dataset[(turn, 0)] for turn in range(200)]
    targets = torch.stack([sample.target for sample in samples])
    assert torch.allclose(targets.sum(1), torch.ones(200))
    assert set(torch.nonzero(targets.sum(0)).flatten().tolist()) == {0, 6}
    # Sample 0 is of class 0; its partners are of class 6 three times out of four.
    assert 0.6 < float((targets[:, 6] > 0).float().mean()) < 0.9
    again = dataset[(7, 0)]
    assert torch.equal(again.images, samples[7].images)
    share = float(targets[7, 0])
    assert 0 <= share <= 1


def test_batches_resume_and_are_shared() -> None:
    plan = shuffled(23, 6, 3)
    whole = list(RunBatches(plan))
    assert len(whole) == 9
    assert list(RunBatches(plan, start=4)) == whole[4:]
    assert list(RunBatches(plan, start=4, stop=6)) == whole[4:6]
    for epoch in range(3):
        seen = [index for batch in whole[3 * epoch : 3 * epoch + 3] for _, index in batch]
        assert len(set(seen)) == 18
    halves = [list(RunBatches(plan, rank=rank, world_size=2)) for rank in range(2)]
    assert [a + b for a, b in zip(*halves, strict=True)] == whole


def test_balanced_batches_show_classes_by_their_shares() -> None:
    labels = [0] * 64 + [1] * 16 + [2] * 4
    plan = BalancedPlan(labels, batch_size=12, epochs=4, seed=3, power=0.5)
    assert plan.shares == pytest.approx({0: 8 / 14, 1: 4 / 14, 2: 2 / 14})
    whole = [index for batch in RunBatches(plan) for _, index in batch]
    assert len(whole) == plan.total * 12 == 4 * 84
    shown = Counter(labels[index] for index in whole)
    assert shown == {0: 4 * 48, 1: 4 * 24, 2: 4 * 12}
    # Rounds: within a class no photograph comes more than once oftener than another.
    for label in range(3):
        times = Counter(index for index in whole if labels[index] == label)
        assert max(times.values()) - min(times.values()) <= 1
    again = BalancedPlan(labels, batch_size=12, epochs=4, seed=3, power=0.5)
    assert list(RunBatches(again, start=9)) == list(RunBatches(plan))[9:]


def test_without_power_classes_keep_their_frequencies() -> None:
    plan = BalancedPlan([0] * 9 + [1] * 3, batch_size=4, epochs=1, seed=0, power=0.0)
    shown = [index for batch in RunBatches(plan) for _, index in batch]
    assert sorted(shown) == list(range(12))


def test_too_few_photographs() -> None:
    with pytest.raises(DataError, match="less than one batch"):
        shuffled(5, 6, 1)
    with pytest.raises(DataError, match="cannot be shared by 4 processes"):
        RunBatches(shuffled(50, 6, 1), world_size=4)


def test_seeds_differ() -> None:
    seeds = {mix_seed(a, b) for a in range(30) for b in range(30)}
    assert len(seeds) == 900
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_full_disk_is_said_before_anything_is_mapped(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(DiskFullError, match=r"no room for the cache .* bytes are needed"):
        open_cache(items(drawn), Preparation((30, 40)), folder=tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] in ([], [".lock"])


def test_what_a_killed_process_left_of_a_cache_is_removed(drawn: Path, tmp_path: Path) -> None:
    place = open_cache(items(drawn), Preparation((30, 40)), folder=tmp_path).place
    left = place.with_name(f"{place.name}.building")
    place.rename(left)
    (left / "index.json").unlink()
    (left / "more").write_bytes(b"half")
    again = open_cache(items(drawn), Preparation((30, 40)), folder=tmp_path)
    assert again.place == place
    assert not left.exists()
    assert not (place / "more").exists()


def test_odd_masks_are_understood_with_a_warning(
    drawn: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(drawn, tmp_path / "data")
    plain = open_cache(items(drawn), Preparation((30, 40)), folder=tmp_path / "cache")
    assert not caplog.records
    places = sorted((tmp_path / "data" / "masks").iterdir())
    for place, highest in ((places[0], 1), (places[1], 254)):
        mask = np.asarray(Image.open(place)) // 255 * highest
        Image.fromarray(mask.astype(np.uint8)).save(place)
    odd = open_cache(items(tmp_path / "data"), Preparation((30, 40)), folder=tmp_path / "cache")
    assert odd.key == plain.key
    assert "the masks of 2 of 24 photographs are odd" in caplog.text
    assert "ISIC_0000000: values 0 and 1 " in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_utf_8_are_cached(drawn: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"b\xff")
    path = tmp_path / f"{name}.png"
    path.write_bytes(next((drawn / "images").iterdir()).read_bytes())
    cache = open_cache([CacheItem(name, path)], Preparation((30, 40)), folder=tmp_path)
    assert cache.image_ids == (name,)
