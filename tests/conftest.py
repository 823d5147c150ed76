"""Drawn data for every test that needs some, and where the real photographs are."""

import os
from pathlib import Path

# Before torch: threads that spin for each other make tiny networks many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests import onnxruntime by themselves too; see `nevus.runtime.engine`.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import pytest
import torch
from PIL import Image

from nevus.labels import ATTRIBUTES, DIAGNOSES, attribute_name

torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parent.parent


def real_data() -> Path | None:
    """Return the folder of the real photographs, or None."""
    place = Path(os.environ.get("NEVUS_DATA", REPOSITORY.parent / "shared" / "data"))
    return place if (place / "isic2018").is_dir() else None


@pytest.fixture(scope="session")
def real() -> Path:
    place = real_data()
    if place is None:
        pytest.skip("the real ISIC 2018 photographs are not here: set NEVUS_DATA")
    return place


def draw_lesion(index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a photograph of noise and one dark ellipse, and the ellipse."""
    generator = np.random.default_rng(index)
    rows, columns = np.mgrid[: size[0], : size[1]]
    centre = np.array(size) * generator.uniform(0.35, 0.65, 2)
    axes = np.array(size) * generator.uniform(0.15, 0.3, 2)
    inside = ((rows - centre[0]) / axes[0]) ** 2 + ((columns - centre[1]) / axes[1]) ** 2 < 1
    pixels = np.full((*size, 3), (220, 180, 160)) + generator.normal(0, 12, (*size, 3))
    pixels[inside] -= (90, 100, 90)
    return np.clip(pixels, 0, 255).astype(np.uint8), inside


def write_drawn(root: Path, count: int, size: tuple[int, int] = (60, 80)) -> Path:
    """Write `count` drawn samples as images/ and masks/."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pixels, inside = draw_lesion(index, size)
        name = f"ISIC_{index:07d}"
        Image.fromarray(pixels).save(root / "images" / f"{name}.png")
        mask = Image.fromarray(inside.astype(np.uint8) * 255)
        mask.save(root / "masks" / f"{name}_segmentation.png")
    return root


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root of 24 drawn samples."""
    return write_drawn(tmp_path_factory.mktemp("drawn"), 24)


@pytest.fixture(scope="session")
def drawn_attributes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root of 24 drawn samples with attribute masks; streaks are never there."""
    root = write_drawn(tmp_path_factory.mktemp("attributes"), 24)
    (root / "attributes").mkdir()
    for index in range(24):
        _, inside = draw_lesion(index, (60, 80))
        for place, name in enumerate(ATTRIBUTES):
            mask = inside & (np.indices(inside.shape)[place % 2] % 8 < 4)
            mask &= name != "streaks" and index % (place + 1) == 0
            path = root / "attributes" / attribute_name(f"ISIC_{index:07d}", name)
            Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return root


DRAWN_CLASSES = ("NV", "NV", "MEL", "BKL", "NV", "NV", "BCC", "VASC")
"""Of every eight drawn cases: four are of the majority class, DF and AKIEC are missing."""


def write_cases(root: Path, count: int, size: tuple[int, int] = (60, 80)) -> Path:
    """Write `count` drawn cases in the official layout of task 3; two in a row share a lesion."""
    images = root / "ISIC2018_Task3_Training_Input"
    truth = root / "ISIC2018_Task3_Training_GroundTruth"
    images.mkdir(parents=True, exist_ok=True)
    truth.mkdir(exist_ok=True)
    rows, lesions = ["image," + ",".join(DIAGNOSES)], ["image,lesion_id,diagnosis_confirm_type"]
    for index in range(count):
        label = DIAGNOSES.index(DRAWN_CLASSES[index // 2 % len(DRAWN_CLASSES)])
        pixels, inside = draw_lesion(index, size)
        pixels[inside] = np.roll(pixels[inside], label % 3, axis=1) // (1 + label // 3)
        name = f"ISIC_{index:07d}"
        Image.fromarray(pixels).save(images / f"{name}.jpg", quality=95)
        hot = ["1.0" if place == label else "0.0" for place in range(len(DIAGNOSES))]
        rows.append(",".join([name, *hot]))
        lesions.append(f"{name},HAM_{index // 2:07d},histopathology")
    (truth / f"{truth.name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    groups = root / "ISIC2018_Task3_Training_LesionGroupings.csv"
    groups.write_text("\n".join(lesions) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def drawn_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root of 64 drawn cases of 32 lesions and five classes."""
    return write_cases(tmp_path_factory.mktemp("cases"), 64)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's cache; one cache for all, as a user has."""
    monkeypatch.setenv("NEVUS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def _write_plain_models(folder: Path) -> None:
    """Write models that need no training: dark is lesion, colour is diagnosis."""
    import hashlib

    from onnx import TensorProto, helper, numpy_helper

    from nevus import __version__
    from nevus.labels import NOTICE
    from nevus.runtime.seal import dump_sealed

    generator = np.random.default_rng(0)
    weights = generator.normal(0, 2, (3, 7)).astype(np.float32)
    constants = {
        "grey": np.float32(150), "slope": np.float32(-0.1), "full": np.float32(255),
        "parts": np.array([0.9, 0.1, 0.1, 0.1, 0.8], np.float32).reshape(1, 5, 1, 1),
        "weights": weights, "gallery": generator.normal(0, 1, (3, 14)).astype(np.float32),
        "channel": np.array([3]), "places": np.array([1, 2]), "sides": np.array([2, 3]),
    }  # fmt: skip
    dark = [
        ("Cast", ["image"], "float", {"to": TensorProto.FLOAT}),
        ("ReduceMean", ["float", "channel"], "light", {}),
        ("Sub", ["light", "grey"], "over", {}),
        ("Mul", ["over", "slope"], "steep", {}),
        ("Sigmoid", ["steep"], "dark", {}),
        ("Transpose", ["dark"], "probability", {"perm": [0, 3, 1, 2]}),
    ]
    colour = [
        ("Cast", ["image"], "float", {"to": TensorProto.FLOAT}),
        ("Div", ["float", "full"], "colours", {}),
        ("ReduceMean", ["colours", "places"], "colour", {"keepdims": 0}),
        ("MatMul", ["colour", "weights"], "logits", {}),
        ("MatMul", ["colour", "gallery"], "signed", {}),
        ("Abs", ["signed"], "distances", {}),
        ("MatMul", ["colours", "weights"], "everywhere", {}),
        ("Transpose", ["everywhere"], "fine", {"perm": [0, 3, 1, 2]}),
        ("AveragePool", ["fine"], "evidence", {"kernel_shape": [8, 8], "strides": [8, 8]}),
    ]
    attributes = [
        *dark,
        ("Mul", ["probability", "parts"], "maps", {}),
        ("ReduceMean", ["maps", "sides"], "presences", {"keepdims": 0}),
    ]
    scores = {name: sorted(generator.uniform(0, 1, 20).tolist()) for name in DIAGNOSES}
    known = {"temperature": 1.0, "n": 140, "ece_before": 0.1, "ece": 0.02, "scores": scores}
    tasks = {
        "segmentation": (dark, ["probability"], (48, 64), [], {}),
        "attributes": (attributes, ["maps", "presences"], (48, 48), list(ATTRIBUTES), {}),
        "diagnosis": (
            colour, ["logits", "distances", "evidence"], (48, 48), list(DIAGNOSES),
            {"calibration": {"one": dict.fromkeys(("logits", "gallery", "both"), known)}},
        ),
    }  # fmt: skip
    for task, (nodes, outputs, size, labels, fitted) in tasks.items():
        graph = helper.make_graph(
            [helper.make_node(kind, ins, [out], **more) for kind, ins, out, more in nodes],
            task,
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", *size, 3])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 9
        data = model.SerializeToString()
        (folder / f"{task}.onnx").write_bytes(data)
        gallery = {"labels": [], "image_ids": []}
        if task == "diagnosis":
            ids = [f"ISIC_{index:07d}" for index in range(14)]
            gallery = {"labels": [index % 7 for index in range(14)], "image_ids": ids}
        manifest = {
            "format": 3, "notice": NOTICE, "nevus": __version__, "name": f"{task}-plain",
            "task": task, "serves": [task], "file": f"{task}.onnx",
            "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "weights": "float32",
            "arithmetic": "float32",
            "difference": dict.fromkeys(outputs, 0.0),
            "preparation": {
                "size": size, "fit": "crop" if task == "diagnosis" else "stretch",
                "color_constancy": "none", "hairless": False,
            },
            "outputs": outputs, "labels": labels,
            "prediction": {
                "flips": False, "rotations": False, "by": "logits",
                "steps": [{"name": "largest"}, {"name": "fill"}],
            },
            "fitted": fitted, "gallery": gallery,
            "about": {"licence": "CC-0", "data": "none"},
        }  # fmt: skip
        (folder / f"{task}.json").write_bytes(dump_sealed(manifest))


@pytest.fixture(scope="session")
def plain_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny ONNX models of all tasks that need no training; nobody writes into it."""
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("plain")
    _write_plain_models(folder)
    return folder
