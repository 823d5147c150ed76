"""The packaged models without nevus: numpy, Pillow, scipy and onnxruntime alone.

    python examples/plain_onnx.py src/nevus/zoo photo.jpg

Prints the lesion's share of the photograph, each attribute's, the probabilities of the diagnoses
and those that cannot be ruled out at 90 % coverage: what `nevus analyze` says, probabilities to six
digits, shares to three (nevus enlarges the masks of photographs above 1,024 pixels). For programs
in other languages to be written after; `docs/models.md` tells the same in words. Nothing here
looks at whether the photograph is a dermoscopy at all: `nevus` does, and so should you.

Research use only. Not a medical device. Not for diagnosis or treatment decisions.
"""

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

# From 1.29 on onnxruntime looks up an address when it is imported, unless told so before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

COVERAGE = 0.9
LONG_SIDE = 1024
BILINEAR = Image.Resampling.BILINEAR


def shrink(image: Image.Image) -> Image.Image:
    """Return a photograph of at most `LONG_SIDE` pixels; networks and masks see this one."""
    factor = LONG_SIDE / max(image.size)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, BILINEAR, reducing_gap=3.0)


def prepare(model: dict, image: Image.Image) -> np.ndarray:
    """Return (h, w, 3) bytes of the model's size."""
    height, width = model["preparation"]["size"]
    if model["preparation"]["fit"] == "crop":
        # The largest centred part that has the model's proportions.
        factor = min(image.height / height, image.width / width)
        tall, wide = max(round(height * factor), 1), max(round(width * factor), 1)
        top, left = (image.height - tall) // 2, (image.width - wide) // 2
        image = image.crop((left, top, left + wide, top + tall))
    return np.asarray(image.resize((width, height), BILINEAR, reducing_gap=3.0))


def list_views(model: dict) -> list[tuple[int, bool]]:
    """Return (quarter turns, mirrored first) of each view."""
    flips, rotations = model["prediction"]["flips"], model["prediction"]["rotations"]
    turns = range(4) if rotations else (0, 2) if flips else (0,)
    return [(quarters, mirrored) for quarters in turns for mirrored in ((False, True)[: 1 + flips])]


def run(model: dict, folder: Path, image: Image.Image) -> dict[str, np.ndarray]:
    """Return each output for all views, maps turned back: (views, ...)."""
    session = onnxruntime.InferenceSession(folder / model["file"])
    pixels, found = prepare(model, image), []
    for quarters, mirrored in list_views(model):
        seen = np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters)
        outputs = session.run(model["outputs"], {"image": np.ascontiguousarray(seen)[None]})
        for place, output in enumerate(outputs):
            if output.ndim == 4:
                back = np.rot90(output, -quarters, (2, 3))
                outputs[place] = back[..., ::-1] if mirrored else back
        found.append(outputs)
    parts = zip(*found, strict=True)
    return dict(zip(model["outputs"], (np.concatenate(part) for part in parts), strict=True))


def enlarge(probability: np.ndarray, image: Image.Image) -> np.ndarray:
    """Return a map of the photograph's size."""
    whole = Image.fromarray(probability.astype(np.float32)).resize(image.size, BILINEAR)
    return np.clip(np.asarray(whole), 0, 1)


def find_lesion(model: dict, folder: Path, image: Image.Image) -> np.ndarray:
    """Return the mask: above one half, and the steps largest and fill."""
    mask = enlarge(run(model, folder, image)["probability"].mean(0)[0], image) > 0.5
    for step in model["prediction"]["steps"]:
        if step["name"] == "largest" and mask.any():
            regions, count = ndimage.label(mask, np.ones((3, 3)))
            sizes = ndimage.sum_labels(mask, regions, range(1, count + 1))
            mask = regions == 1 + int(np.argmax(sizes))
        if step["name"] == "fill":
            mask = ndimage.binary_fill_holes(mask)
    return mask


def find_attributes(model: dict, folder: Path, image: Image.Image) -> dict[str, float]:
    """Return the share of the photograph that each attribute covers."""
    outputs = run(model, folder, image)
    maps, presences = outputs["maps"].mean(0), outputs["presences"].astype(float).mean(0)
    rules, shares = model["fitted"]["rules"]["pooled"], {}
    for place, name in enumerate(model["labels"]):
        share = float((enlarge(maps[place], image) >= rules["thresholds"][place]).mean())
        seen = presences[place] if presences.size else 1.0
        kept = share >= rules["areas"][place] and seen >= rules["presences"][place]
        shares[name] = share if kept else 0.0
    return shares


def diagnose(model: dict, folder: Path, image: Image.Image) -> dict[str, float]:
    """Return the probability of each diagnosis."""
    outputs = {name: part.astype(float) for name, part in run(model, folder, image).items()}
    labels = np.array(model["gallery"]["labels"])
    classes = range(len(model["labels"]))
    near = [outputs["distances"][:, labels == place].mean(1) for place in classes]
    scores = {"logits": outputs["logits"], "gallery": -np.stack(near, axis=1)}
    by, known = model["prediction"]["by"], read_calibration(model)
    ways = ("logits", "gallery") if by == "both" else (by,)
    # Each view for itself, then the mean of probabilities, then that of the ways.
    mean = np.mean(
        [soften(scores[way] / known[way]["temperature"]).mean(0) for way in ways], axis=0
    )
    if by == "both":
        # The mean of two is less sure than either: it has a temperature of its own.
        mean = soften(np.log(np.maximum(mean, 1e-12)) / known["both"]["temperature"])
    return dict(zip(model["labels"], mean.tolist(), strict=True))


def soften(scores: np.ndarray) -> np.ndarray:
    """Return softmax over the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def read_calibration(model: dict) -> dict:
    """Return temperature and scores by way, of the views that are averaged."""
    flips, rotations = model["prediction"]["flips"], model["prediction"]["rotations"]
    views = ("all" if flips else "turns") if rotations else ("flips" if flips else "one")
    return model["fitted"]["calibration"][views]


def list_possible(model: dict, probabilities: dict[str, float]) -> list[str]:
    """Return the diagnoses that cannot be ruled out, likeliest first: the likeliest always is."""
    scores = read_calibration(model)[model["prediction"]["by"]]["scores"]
    order = sorted(probabilities, key=lambda name: -probabilities[name])
    kept = order[:1]
    for name in order[1:]:
        known = scores.get(name, [])
        rank = math.ceil((len(known) + 1) * COVERAGE - 1e-9)
        level = known[rank - 1] if rank <= len(known) else math.inf
        if 1 - probabilities[name] <= level + 1e-9:
            kept.append(name)
    return kept


def main() -> None:
    """Print what the models of a folder say about one photograph."""
    folder, photo = Path(sys.argv[1]), sys.argv[2]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    models = {model["task"]: model for model in manifest["models"]}
    image = shrink(Image.open(photo).convert("RGB"))
    probabilities = diagnose(models["diagnosis"], folder, image)
    answer = {
        "notice": manifest["models"][0]["notice"],
        "lesion": float(find_lesion(models["segmentation"], folder, image).mean()),
        "attributes": find_attributes(models["attributes"], folder, image),
        "probabilities": probabilities,
        "set": list_possible(models["diagnosis"], probabilities),
    }
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
