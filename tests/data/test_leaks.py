"""Leaks: every kind is found once, in the right part, and a clean split is called clean."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from nevus.data.leak_report import KINDS, LeakReport
from nevus.data.leaks import find_leaks
from nevus.data.split_parts import Part, Photo


def draw(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 1, (120, 120, 3))
    smooth = gaussian_filter(noise, (2, 2, 0)) * 260 + 128
    return np.clip(smooth, 0, 255).astype(np.uint8)


def save(path: Path, pixels: NDArray[np.uint8]) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def part(name: str, *photos: Photo) -> Part:
    return Part(name, tuple(sorted(photos, key=lambda photo: photo.image_id)))


@pytest.fixture
def photo(tmp_path: Path):
    """Make photographs: by seed, or as a copy of a file."""

    def make(name: str, source: int | Path, lesion_id: str | None = None) -> Photo:
        path = tmp_path / f"{name}.png"
        if isinstance(source, Path):
            shutil.copy(source, path)
        else:
            save(path, draw(source))
        return Photo(name, path, lesion_id)

    return make


def told(report: LeakReport) -> list[tuple[str, str, str]]:
    return [(p.kind, p.first.photo.image_id, p.second.photo.image_id) for p in report.pairs]


def test_a_clean_split(photo) -> None:
    seen: list[tuple[int, int]] = []
    training = part("training", photo("a", 1, "L1"), photo("b", 2, "L1"), photo("c", 3))
    report = find_leaks(
        [training, part("validation", photo("d", 4, "L2"))],
        progress=lambda *at: seen.append(at),
    )
    assert report.clean
    assert report.parts == {"training": 3, "validation": 1}
    assert report.affected == {"training": 0, "validation": 0}
    assert seen[-1] == (4, 4)


def test_every_kind(photo, tmp_path: Path) -> None:
    a, b, c, d = photo("a", 1), photo("b", 2), photo("c", 3), photo("d", 4, "L9")
    copy = photo("e", b.image)
    pixels = Photo("f", tmp_path / "f.png")
    Image.open(c.image).save(pixels.image, compress_level=0)
    alike = Photo("g", save(tmp_path / "g.png", draw(4)[:, ::-1]), "L9")
    lonely = photo("h", 8, "L9")
    report = find_leaks([part("x", a, b, c, d), part("y", a, copy, pixels, alike, lonely)])
    assert told(report) == [
        ("same_photograph", "a", "a"),
        ("identical_file", "b", "e"),
        ("identical_pixels", "c", "f"),
        ("look_alike", "d", "g"),
    ]
    assert list(report.lesions) == ["L9"]
    assert [place.photo.image_id for place in report.lesions["L9"]] == ["d", "g", "h"]
    assert report.affected == {"x": 4, "y": 5}
    assert [pair.same_lesion for pair in report.pairs] == [None, None, None, True]
    assert len(report.unforeseen()) == 3
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["clean"] is False
    assert plain["pairs_by_kind"] == dict.fromkeys(KINDS, 1)
    assert plain["shared_lesions"] == {"n": 1, "photographs": {"x": 1, "y": 2}}
    assert plain["pairs"][3]["second"] == {"part": "y", "image_id": "g", "lesion_id": "L9"}


def test_pairs_inside_a_part_do_not_count(photo) -> None:
    a = photo("a", 1, "L1")
    report = find_leaks([part("x", a, photo("b", a.image, "L1")), part("y", photo("c", 2))])
    assert report.clean


def test_looks_are_an_option(photo, tmp_path: Path) -> None:
    a = photo("a", 1)
    alike = Photo("b", save(tmp_path / "b.png", draw(1)[:, ::-1]))
    parts = [part("x", a), part("y", alike, photo("c", a.image))]
    report = find_leaks(parts, lookalikes=False)
    assert told(report) == [("identical_file", "a", "c")]
    assert not report.compared


def test_of_many_copies_each_has_one_partner(photo) -> None:
    first = photo("a0", 1)
    copies = [first, *(photo(f"a{k}", first.image) for k in range(1, 10))]
    report = find_leaks([part("x", *copies[:5]), part("y", *copies[5:])])
    assert {pair.kind for pair in report.pairs} == {"identical_file"}
    assert report.affected == {"x": 5, "y": 5}
    assert len(report.pairs) == 9


def test_copies_carry_looks_across(photo, tmp_path: Path) -> None:
    # find_lookalikes pairs g with a alone, the first of the copies, which is in g's own part.
    a = photo("a", 1)
    alike = Photo("g", save(tmp_path / "g.png", draw(1)[::-1]))
    report = find_leaks([part("x", photo("b", a.image)), part("y", a, alike)])
    assert told(report) == [("identical_file", "b", "a"), ("look_alike", "b", "g")]
    assert report.affected == {"x": 1, "y": 2}


def test_folders_may_use_one_name_for_two_photographs(tmp_path: Path) -> None:
    parts = []
    for name, seed in (("x", 1), ("y", 2)):
        (tmp_path / name).mkdir()
        parts.append(part(name, Photo("1", save(tmp_path / name / "1.png", draw(seed)))))
    assert find_leaks(parts).clean
    save(tmp_path / "y" / "1.png", draw(1))
    assert [pair.kind for pair in find_leaks(parts).pairs] == ["identical_file"]


def test_unreadable_photographs_are_told(photo, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no photograph")
    gone = Photo("gone", tmp_path / "gone.png")
    parts = [part("x", photo("a", 1), gone), part("y", Photo("bad", tmp_path / "bad.png"))]
    report = find_leaks(parts)
    assert [place.photo.image_id for place in report.unreadable] == ["gone", "bad"]


def test_the_order_of_parts_and_the_number_of_workers_do_not_matter(photo, tmp_path: Path) -> None:
    parts = [
        part("x", photo("a", 1, "L1"), photo("b", 2)),
        part("y", photo("c", 1, "L1"), photo("d", 3)),
        part("z", photo("e", 2), photo("f", 4, "L1")),
    ]
    found = [
        (told(report), sorted(report.affected.items()))
        for order in itertools.permutations(parts)
        for report in [find_leaks(order, workers=3)]
    ]
    assert all(one == found[0] for one in found)
    assert found[0][0] == [("identical_file", "a", "c"), ("identical_file", "b", "e")]
    assert dict(found[0][1]) == {"x": 2, "y": 1, "z": 2}
