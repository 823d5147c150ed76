"""Drawn photographs with exact truth, in the shape of ISIC 2018; for tests and the demo.

Results are never reported on them: the pictures are schematic, and their ids begin with 9 so that
nobody takes them for photographs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nevus.data.phantom_attributes import draw_attributes
from nevus.errors import UsageError
from nevus.imaging.drawing import encode_jpeg
from nevus.imaging.files import write_atomically
from nevus.imaging.masks import write_mask
from nevus.labels import ATTRIBUTES, DIAGNOSES, TASKS, attribute_name, segmentation_name

README = (
    "These photographs are drawn by `nevus data synthesize`. They serve tests and demonstrations;\n"
    "results on them mean nothing.\n"
)
_SHARES = (0.111, 0.669, 0.051, 0.033, 0.110, 0.012, 0.014)
_COLOURS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "MEL": ((70, 45, 40), (120, 70, 50), (60, 60, 85), (165, 95, 70)),
    "NV": ((130, 82, 58), (105, 65, 48)),
    "BCC": ((205, 140, 130), (120, 120, 145), (180, 100, 95)),
    "AKIEC": ((205, 120, 105), (225, 165, 145)),
    "BKL": ((150, 112, 80), (120, 90, 68), (175, 140, 105)),
    "DF": ((175, 125, 100), (220, 190, 170)),
    "VASC": ((150, 40, 55), (95, 35, 70)),
}
_IRREGULAR = {"MEL": 0.16, "BKL": 0.09, "AKIEC": 0.1}

Float = NDArray[np.float64]
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

    Args:
        seed: Names the set.
        index: Names the phantom in it.
        size: (height, width) in pixels, sides at least 32.
        diagnosis: Fixed, or None to draw one at HAM10000's rates.
    """
    generator = np.random.default_rng((seed, index))
    drawn = str(generator.choice(DIAGNOSES, p=np.array(_SHARES) / sum(_SHARES)))
    kind = diagnosis or drawn
    skin = _draw_skin(size, generator)
    distance = _draw_shape(size, _IRREGULAR.get(kind, 0.05), generator)
    lesion = distance < 1
    picture = _paint_lesion(skin, distance, kind, generator)
    picture, attributes = draw_attributes(picture, distance, generator)
    picture = _draw_disturbances(picture, generator)
    pixels = np.clip(picture + generator.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
    return Phantom(f"ISIC_{9_000_000 + index:07d}", pixels, lesion, attributes, kind)


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

    Args:
        root: A new or empty folder.
        count: How many photographs per task.
        size: (height, width) in pixels.
        seed: Names the set.
        tasks: Which of `TASKS`.
        progress: Called with (done, total).

    Raises:
        UsageError: The folder holds something, or a task is unknown.
    """
    unknown = sorted(set(tasks) - set(TASKS))
    if unknown:
        raise UsageError(f"unknown task {unknown[0]!r}", hint=f"one of {', '.join(TASKS)}")
    if root.exists() and any(root.iterdir()):
        raise UsageError(f"{root} is not empty", hint="name a new folder")
    root.mkdir(parents=True, exist_ok=True)
    write_atomically(root / "README.txt", README.encode())
    rows: list[tuple[str, str]] = []
    for index in range(count):
        phantom = draw_phantom(seed, index, size=size)
        _write_phantom(root, phantom, tasks)
        rows.append((phantom.image_id, phantom.diagnosis))
        if progress:
            progress(index + 1, count)
    if "diagnosis" in tasks:
        _write_tables(root, rows)


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
    lesion, before = 0, ""
    for number, (image_id, diagnosis) in enumerate(rows):
        # Every fourth photograph shows its predecessor's lesion, where the diagnosis allows.
        if not (number % 4 == 3 and diagnosis == before):
            lesion += 1
        before = diagnosis
        lines.append(f"{image_id},DRAWN_{lesion:07d},drawn")
    text = "\n".join(lines) + "\n"
    write_atomically(root / "ISIC2018_Task3_Training_LesionGroupings.csv", text.encode())


def _folder(root: Path, name: str) -> Path:
    folder = root / f"ISIC2018_{name}"
    folder.mkdir(exist_ok=True)
    return folder


def _draw_skin(size: tuple[int, int], generator: np.random.Generator) -> Float:
    tones = np.array([(232, 198, 182), (222, 172, 150), (205, 150, 122), (235, 205, 205)])
    tone = tones[generator.integers(len(tones))] + generator.normal(0, 6, 3)
    rough = gaussian_filter(generator.normal(0, 1, size), max(size) / 8)
    fine = gaussian_filter(generator.normal(0, 1, size), 1.5)
    shade = 10 * rough / (rough.std() + 1e-9) + 4 * fine / fine.std()
    return np.asarray(tone + shade[..., None] * np.array([1.0, 0.9, 0.85]))


def _draw_shape(size: tuple[int, int], rough: float, generator: np.random.Generator) -> Float:
    """Return (H, W): below 1 inside the lesion, growing outwards like a radius."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    short = min(size)
    centre = np.array(size) / 2 + generator.uniform(-0.12, 0.12, 2) * short
    radius = short * generator.uniform(0.17, 0.38)
    stretch, tilt = generator.uniform(0.75, 1.3), generator.uniform(0, np.pi)
    down, right = rows - centre[0], columns - centre[1]
    along = (right * np.cos(tilt) + down * np.sin(tilt)) * stretch
    across = (-right * np.sin(tilt) + down * np.cos(tilt)) / stretch
    angle = np.arctan2(across, along)
    border = np.ones(size)
    for order in range(2, 9):
        weight, phase = generator.normal(0, rough / order**0.7), generator.uniform(0, 2 * np.pi)
        border += weight * np.cos(order * angle + phase)
    return np.asarray(np.hypot(along, across) / (radius * np.maximum(border, 0.3)))


def _paint_lesion(skin: Float, distance: Float, kind: str, generator: np.random.Generator) -> Float:
    colours = [np.array(colour, float) for colour in _COLOURS[kind]]
    paint = np.broadcast_to(colours[0], skin.shape).copy()
    for colour in colours[1:]:
        blob = gaussian_filter(generator.normal(0, 1, distance.shape), min(distance.shape) / 14)
        share = 1 / (1 + np.exp(-6 * blob / (blob.std() + 1e-9)))[..., None]
        paint = share * colour + (1 - share) * paint
    if kind == "DF":
        pale = np.clip(1 - distance / 0.5, 0, 1)[..., None]
        paint = paint + 45 * pale
    softness = generator.uniform(0.03, 0.1)
    cover = generator.uniform(0.75, 0.97) / (1 + np.exp((distance - 1) / softness))
    texture = gaussian_filter(generator.normal(0, 1, distance.shape), 1.0)
    paint = paint + 9 * (texture / texture.std())[..., None]
    return np.asarray(cover[..., None] * paint + (1 - cover[..., None]) * skin)


def _draw_disturbances(picture: Float, generator: np.random.Generator) -> Float:
    height, width = picture.shape[:2]
    dark = np.zeros((height, width))
    for _ in range(int(generator.choice([0, 0, 2, 6, 14]))):
        start, end = generator.uniform(0, 1, (2, 2)) * (height, width)
        bend = generator.normal(0, 0.12, 2) * (height, width)
        places = np.linspace(0, 1, 2 * max(height, width))[:, None]
        curve = start + (end - start) * places + 4 * bend * places * (1 - places)
        rows, columns = np.rint(curve).astype(int).T
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        dark[rows[inside], columns[inside]] = 1
    hair = np.clip(gaussian_filter(dark, 0.6) * 1.6, 0, 0.9)[..., None]
    picture = hair * np.array([45.0, 32.0, 28.0]) + (1 - hair) * picture
    if generator.random() < 0.35:
        rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        away = np.hypot(rows * height / width, columns)
        rim = generator.uniform(0.82, 1.02)
        picture = picture * (1 / (1 + np.exp((away - rim) / 0.02)))[..., None]
    if generator.random() < 0.15:
        step = max(width // 24, 4)
        picture[-height // 14 :, step // 2 :: step] = (40, 40, 45)
    return picture
