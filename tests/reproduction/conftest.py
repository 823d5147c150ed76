"""One drawn data root that holds all three tasks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.labels import ATTRIBUTES, DIAGNOSES, attribute_name

CLASSES = ("NV", "NV", "MEL", "BKL", "NV", "BCC")


def draw(index: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(index)
    rows, columns = np.mgrid[:60, :80]
    centre, axes = generator.uniform(20, 40, 2), generator.uniform(9, 18, 2)
    inside = ((rows - centre[0]) / axes[0]) ** 2 + ((columns - centre[1]) / axes[1]) ** 2 < 1
    pixels = np.full((60, 80, 3), (220, 180, 160)) + generator.normal(0, 12, (60, 80, 3))
    pixels[inside] -= (90, 100, 90)
    return np.clip(pixels, 0, 255).astype(np.uint8), inside


def write_lesions(root: Path, count: int) -> None:
    photographs = root / "ISIC2018_Task1-2_Training_Input"
    masks = root / "ISIC2018_Task1_Training_GroundTruth"
    attributes = root / "ISIC2018_Task2_Training_GroundTruth_v3"
    for folder in (photographs, masks, attributes):
        folder.mkdir(parents=True)
    for index in range(count):
        pixels, inside = draw(index)
        name = f"ISIC_{index:07d}"
        Image.fromarray(pixels).save(photographs / f"{name}.png")
        Image.fromarray(inside.astype(np.uint8) * 255).save(masks / f"{name}_segmentation.png")
        for place, attribute in enumerate(ATTRIBUTES):
            mask = inside & (np.indices(inside.shape)[place % 2] % 8 < 4)
            mask &= index % (place + 1) == 0
            image = Image.fromarray(mask.astype(np.uint8) * 255)
            image.save(attributes / attribute_name(name, attribute))


def write_cases(root: Path, count: int) -> None:
    images = root / "ISIC2018_Task3_Training_Input"
    truth = root / "ISIC2018_Task3_Training_GroundTruth"
    images.mkdir(parents=True)
    truth.mkdir()
    rows, lesions = ["image," + ",".join(DIAGNOSES)], ["image,lesion_id,diagnosis_confirm_type"]
    for index in range(count):
        label = DIAGNOSES.index(CLASSES[index // 2 % len(CLASSES)])
        pixels, inside = draw(1000 + index)
        pixels[inside] = np.roll(pixels[inside], label % 3, axis=1) // (1 + label // 3)
        name = f"ISIC_{1000 + index:07d}"
        Image.fromarray(pixels).save(images / f"{name}.png")
        hot = ["1.0" if place == label else "0.0" for place in range(len(DIAGNOSES))]
        rows.append(",".join([name, *hot]))
        lesions.append(f"{name},HAM_{index // 2:07d},histopathology")
    (truth / f"{truth.name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    groups = root / "ISIC2018_Task3_Training_LesionGroupings.csv"
    groups.write_text("\n".join(lesions) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def isic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `isic2018`: 16 photographs of tasks 1 and 2, 48 of task 3."""
    place = tmp_path_factory.mktemp("isic")
    write_lesions(place / "isic2018", 16)
    write_cases(place / "isic2018", 48)
    return place
