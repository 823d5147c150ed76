"""Drawn photographs with exact truth, in the shape of ISIC 2018; for tests and the demo.

Results are never reported on them: the pictures are schematic, and their ids begin with 9 so that
nobody takes them for photographs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nevus.data.phantom_attributes import draw_attributes
from nevus.data.phantom_skin import draw_disturbances, draw_shape, draw_skin, paint_lesion
from nevus.errors import UsageError
from nevus.imaging.drawing import encode_jpeg
from nevus.imaging.files import write_atomically
from nevus.imaging.masks import write_mask
from nevus.labels import ATTRIBUTES, DIAGNOSES, TASKS, attribute_name, segmentation_name

_README = """These photographs are drawn by `nevus data synthesize`. They serve tests and
demonstrations; results on them mean nothing.

{count} photographs of {height} x {width} pixels, seed {seed}, for {tasks}
"""
_SHARES = (0.111, 0.669, 0.051, 0.033, 0.110, 0.012, 0.014)
_FIRST_ID = 9_000_000
_MOST = 1_000_000
_SMALLEST_SIDE = 32
_REPEAT = 8

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Phantom:
    """A drawn photograph and everything that is true of it.

    Attributes:
        image_id: ``ISIC_9000000`` and on.
        pixels: (H, W, 3) uint8, RGB.
        lesion: (H, W) bool.
        attributes: Name to (H, W) bool, all five, empty where absent.
        diagnosis: One of `DIAGNOSES`.
    """

    image_id: str
    pixels: NDArray[np.uint8]
    lesion: Mask
    attributes: dict[str, Mask]
    diagnosis: str


def draw_phantom(
    seed: int,
    index: int,
    *,
    size: tuple[int, int] = (192, 256),
    diagnosis: str | None = None,
) -> Phantom:
    """Return phantom `index` of the set `seed`: a pure function of its arguments.

    Every eighth shows the lesion of the one before again, turned upside down, in another light
    and under other hairs.

    Args:
        seed: Names the set, 0 or more.
        index: Names the phantom in it, 0 to 999,999.
        size: (height, width) in pixels, sides at least 32.
        diagnosis: Fixed, or None to draw one at about HAM10000's rates.

    Raises:
        UsageError: An argument is out of range.
    """
    _require_drawable(seed, index, size, diagnosis)
    shown = _find_lesion(index)
    body = np.random.default_rng((seed, shown, 0))
    drawn = str(body.choice(DIAGNOSES, p=np.array(_SHARES) / sum(_SHARES)))
    kind = diagnosis or drawn
    skin = draw_skin(size, body)
    distance = draw_shape(size, kind, body)
    picture = paint_lesion(skin, distance, kind, body)
    picture, attributes = draw_attributes(picture, distance, kind, body)
    lesion = distance < 1
    view = np.random.default_rng((seed, index, 1))
    if shown != index:
        picture, lesion = picture[::-1, ::-1], lesion[::-1, ::-1].copy()
        attributes = {name: mask[::-1, ::-1].copy() for name, mask in attributes.items()}
    picture = picture * view.normal(1, 0.03, 3).astype(np.float32)
    picture = draw_disturbances(picture, view)
    picture = picture + 3 * view.standard_normal(picture.shape, dtype=np.float32)
    pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return Phantom(f"ISIC_{_FIRST_ID + index:07d}", pixels, lesion, attributes, kind)


def write_phantoms(
    root: Path,
    count: int,
    *,
    size: tuple[int, int] = (192, 256),
    seed: int = 0,
    tasks: Sequence[str] = TASKS,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write an ISIC-2018-shaped tree of phantoms; byte-identical for the same arguments.

    An interrupted call is repaired by the same call again.

    Args:
        root: A new or empty folder, or one made by a call with the same arguments.
        count: How many photographs per task, 1 to 1,000,000.
        size: (height, width) in pixels, sides at least 32.
        seed: Names the set, 0 or more.
        tasks: Which of `TASKS`.
        progress: Called with (done, total).

    Raises:
        UsageError: The folder holds something else, or an argument is out of range.
    """
    chosen = _choose_tasks(tasks)
    _require_drawable(seed, count - 1, size, None)
    readme = _README.format(
        count=count, height=size[0], width=size[1], seed=seed, tasks=", ".join(chosen)
    ).encode()
    _require_own(root, readme)
    root.mkdir(parents=True, exist_ok=True)
    write_atomically(root / "README.txt", readme)
    rows: list[tuple[str, str]] = []
    for index in range(count):
        phantom = draw_phantom(seed, index, size=size)
        _write_phantom(root, phantom, chosen)
        rows.append((phantom.image_id, phantom.diagnosis))
        if progress:
            progress(index + 1, count)
    if "diagnosis" in chosen:
        _write_tables(root, rows)


def _find_lesion(index: int) -> int:
    """Return the number of the lesion that phantom `index` shows."""
    return index - 1 if index % _REPEAT == _REPEAT - 1 else index


def _require_drawable(seed: int, index: int, size: tuple[int, int], diagnosis: str | None) -> None:
    if seed < 0:
        raise UsageError(f"the seed is {seed}, expected 0 or more")
    if not 0 <= index < _MOST:
        raise UsageError(f"phantom {index} is asked for, expected 0 to {_MOST - 1:,}")
    if min(size) < _SMALLEST_SIDE:
        raise UsageError(f"the size is {size[0]} x {size[1]}, expected sides of at least 32 pixels")
    if diagnosis is not None and diagnosis not in DIAGNOSES:
        raise UsageError(f"unknown diagnosis {diagnosis!r}", hint=f"one of {', '.join(DIAGNOSES)}")


def _choose_tasks(tasks: Sequence[str]) -> tuple[str, ...]:
    unknown = sorted(set(tasks) - set(TASKS))
    if unknown:
        raise UsageError(f"unknown task {unknown[0]!r}", hint=f"one of {', '.join(TASKS)}")
    if not tasks:
        raise UsageError("no task is named", hint=f"some of {', '.join(TASKS)}")
    return tuple(task for task in TASKS if task in tasks)


def _require_own(root: Path, readme: bytes) -> None:
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file, expected a folder", hint="name a new folder")
    if not root.exists() or not any(root.iterdir()):
        return
    # The text holds every argument, so that two different sets never mix in one tree.
    note = root / "README.txt"
    if not note.is_file() or note.read_bytes() != readme:
        raise UsageError(
            f"{root} is not empty and holds no set drawn with the same arguments",
            hint="name a new folder",
        )


def _write_phantom(root: Path, phantom: Phantom, tasks: Sequence[str]) -> None:
    jpeg = encode_jpeg(phantom.pixels, quality=92)
    name = f"{phantom.image_id}.jpg"
    if "segmentation" in tasks or "attributes" in tasks:
        write_atomically(_folder(root, "Task1-2_Training_Input") / name, jpeg)
    if "segmentation" in tasks:
        folder = _folder(root, "Task1_Training_GroundTruth")
        write_mask(folder / segmentation_name(phantom.image_id), phantom.lesion)
    if "attributes" in tasks:
        folder = _folder(root, "Task2_Training_GroundTruth_v3")
        for attribute in ATTRIBUTES:
            path = folder / attribute_name(phantom.image_id, attribute)
            write_mask(path, phantom.attributes[attribute])
    if "diagnosis" in tasks:
        write_atomically(_folder(root, "Task3_Training_Input") / name, jpeg)


def _write_tables(root: Path, rows: Sequence[tuple[str, str]]) -> None:
    lines = [f"image,{','.join(DIAGNOSES)}"]
    for image_id, diagnosis in rows:
        hot = ["1.0" if name == diagnosis else "0.0" for name in DIAGNOSES]
        lines.append(f"{image_id},{','.join(hot)}")
    folder = _folder(root, "Task3_Training_GroundTruth")
    text = "\n".join(lines) + "\n"
    write_atomically(folder / "ISIC2018_Task3_Training_GroundTruth.csv", text.encode())
    lines = ["image,lesion_id,diagnosis_confirm_type"]
    for index, (image_id, _) in enumerate(rows):
        lines.append(f"{image_id},DRAWN_{_find_lesion(index):07d},drawn")
    text = "\n".join(lines) + "\n"
    write_atomically(root / "ISIC2018_Task3_Training_LesionGroupings.csv", text.encode())


def _folder(root: Path, name: str) -> Path:
    folder = root / f"ISIC2018_{name}"
    folder.mkdir(exist_ok=True)
    return folder
