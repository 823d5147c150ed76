"""Splits from anywhere: JSON, lists and folders; hostile ones refused with one clear line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.data.split_parts import Part, Photo, read_parts
from nevus.errors import DataError, NevusError, UsageError


def save(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 40), 90, np.uint8)).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root of tasks 1 and 3: a and b have lesions, c and d have none."""
    base = tmp_path / "root"
    for name in ("a", "b"):
        save(base / "HAM10000_images_part_1" / f"{name}.jpg")
    rows = "lesion_id,image_id,dx\nL1,a,nv\nL1,b,nv\n"
    (base / "HAM10000_metadata.csv").write_text(rows, encoding="utf-8")
    for name in ("c", "d"):
        save(base / "images" / f"{name}.jpg")
    return base


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def ids(parts: tuple[Part, ...]) -> dict[str, list[str]]:
    return {part.name: [photo.image_id for photo in part.photos] for part in parts}


def test_a_runs_split(root: Path) -> None:
    document = {"training": ["b", "c"], "validation": ["a"]}
    path = write(root / "split.json", json.dumps(document))
    parts = read_parts([path], root)
    assert ids(parts) == {"training": ["b", "c"], "validation": ["a"]}
    image = root / "HAM10000_images_part_1" / "b.jpg"
    assert parts[0].photos[0] == Photo("b", image, "L1")
    assert parts[0].photos[1].lesion_id is None


@pytest.mark.parametrize(
    "text",
    [
        "a\nc\n",
        "a\r\nc",
        "\ufeffa\n\nc\n\n",
        "image\na\nc\n",
        "number,image_id\n1,a\n2,c\n",
        "a,NV\nc,MEL\n",
        "train/a.jpg\n.\\train\\c.PNG\n",
        "c\na\na\n",
    ],
)
def test_lists(root: Path, text: str) -> None:
    first, second = write(root / "one.txt", text), write(root / "two.csv", "b\n")
    assert ids(read_parts([first, second], root)) == {"one.txt": ["a", "c"], "two.csv": ["b"]}


def test_folders_and_their_lesions(root: Path, tmp_path: Path) -> None:
    save(tmp_path / "x" / "a.jpg")
    save(tmp_path / "x" / "deep" / "n.jpg")
    save(tmp_path / "y" / "n.jpg")
    save(tmp_path / "y" / "m" / "n.jpg")
    parts = read_parts([tmp_path / "x", tmp_path / "y"], None)
    assert ids(parts) == {"x": ["a", "n"], "y": ["m/n.jpg", "n.jpg"]}
    assert parts[0].photos[0].lesion_id is None
    parts = read_parts([tmp_path / "x", tmp_path / "y"], root)
    assert parts[0].photos[0].lesion_id == "L1"


def test_a_folder_and_lists_of_one_name(root: Path, tmp_path: Path) -> None:
    save(tmp_path / "x" / "own.jpg")
    one, two = tmp_path / "1" / "ids.json", tmp_path / "2" / "ids.json"
    for path, name in ((one, "a"), (two, "b")):
        path.parent.mkdir()
        write(path, json.dumps([name]))
    parts = read_parts([one, two, tmp_path / "x"], root)
    assert ids(parts) == {str(one): ["a"], str(two): ["b"], "x": ["own"]}
    with pytest.raises(UsageError, match="twice"):
        read_parts([one, one], root)


BROKEN = {
    "one list": ("a.txt", "a\n", "at least two parts"),
    "one part": ("a.json", '{"training": ["a"], "validation": []}', "at least two parts"),
    "empty": ("a.txt", "", "holds no image_ids"),
    "only a header": ("a.txt", "image\n", "holds no image_ids"),
    "no JSON": ("a.json", "{", "is not JSON"),
    "deep": ("a.json", "[" * 100_000, "is not JSON"),
    "numbers": ("a.json", '{"x": [1]}', "is no split"),
    "text": ("a.json", '"x"', "is no split"),
    "nothing": ("a.json", '{"x": [""]}', "is no split"),
    "nul": ("a.txt", "a\0", "NUL"),
    "huge": ("a.txt", "a" * 200_000, "is no CSV"),
    "strangers": ("a.json", '{"x": ["a", "z1"], "y": ["z2"]}', "2 image_ids have no photograph"),
    "endless name": ("a.json", json.dumps({"x" * 5000: ["a"], "y": ["b"]}), "is no split"),
    "paths": ("a.json", '{"x": ["../../../etc/passwd"], "y": ["a"]}', "no photograph"),
}


@pytest.mark.parametrize(("name", "text", "told"), BROKEN.values(), ids=BROKEN)
def test_broken_splits(root: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(NevusError, match=told) as caught:
        read_parts([write(root / name, text)], root)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_wrong_use(root: Path, tmp_path: Path) -> None:
    split = write(root / "split.json", '{"x": ["a"], "y": ["b"]}')
    with pytest.raises(UsageError, match="--data ROOT"):
        read_parts([split], None)
    with pytest.raises(DataError, match="there is no"):
        read_parts([root / "gone.json"], root)
    with pytest.raises(DataError, match="no data root of any task"):
        read_parts([split], tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match="holds no photographs"):
        read_parts([tmp_path / "bare", root], None)
    with pytest.raises(UsageError, match="at least two parts"):
        read_parts([root], None)
