"""Rebuild the packaged models from recipes: train, calibrate, export, score as packaged, assemble.

    python tools/make_models.py --data isic2018 --out runs/models --zoo src/nevus/zoo

Fold 0 of 5 of each task is held out, so that the scores in the manifest are of the very weights
that ship. Hours on two processor cores; `--max-minutes` stops cleanly, and the same command goes on
where it stopped: trainings resume, finished steps are kept. Training photographs, thresholds,
temperatures and scores end up in the manifest that `nevus models` prints.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_zoo import build_zoo

HELD_OUT = "fold 0 of 5, lesions and look-alikes on one side"
CC0 = "CC-0 (photographs); encoder initialised from ImageNet weights, Apache-2.0"
NONCOMMERCIAL = "CC-BY-NC 4.0 (HAM10000, doi 10.1038/sdata.2018.161)"


@dataclass(frozen=True)
class Training:
    """One `nevus train`.

    Attributes:
        name: Of its folder.
        recipe: One that ships.
        sets: ``key=value`` changes; ``{out}`` is the folder of all runs.
        split: Another training whose split it takes; empty: fold 0 of 5.
    """

    name: str
    recipe: str
    sets: tuple[str, ...] = ()
    split: str = ""


@dataclass(frozen=True)
class Joining:
    """One `nevus join`.

    Attributes:
        name: Of its folder.
        runs: The trainings it makes one network of, all on one split.
    """

    name: str
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """One packaged model.

    Attributes:
        task: What it answers.
        name: What it is called.
        run: The training or joining it comes from.
        images: Folder of its photographs below the data root.
        data: What it was trained on, for the manifest.
        licence: Of that.
        export: Further options of `nevus export`.
        keep: Keys of `nevus evaluate --json` that the manifest tells.
        refit: Options of `nevus refit` before exporting; empty: nothing is fitted again.
        arithmetic: What its encoder computes in; int8 where that costs less than .005.
    """

    task: str
    name: str
    run: str
    images: str
    data: str
    licence: str
    export: tuple[str, ...]
    keep: tuple[str, ...]
    refit: tuple[str, ...] = ()
    arithmetic: str = "int8"


TASK12 = "ISIC2018_Task1-2_Training_Input"
TASK3 = "ISIC2018_Task3_Training_Input"

# A mean over many steps at a rate that never falls (docs/reproduce.md, task 3).
STEADY = ("optimizer.schedule=constant", "training.ema_decay=0.998")

MEMBERS = 3
"""Diagnosis networks that ship as one; more do not fit into 20 MB beside the others."""

TRAININGS = (
    Training("segmentation", "segmentation-compact", ("training.epochs=12",)),
    # Small pictures: an encoder that knows dermoscopies, for the attributes.
    Training(
        "diagnosis-small",
        "diagnosis-compact",
        (
            "learner=classification",
            "input.size=[150,150]",
            "input.crop=[128,128]",
            "training.epochs=8",
        ),
    ),
    *(
        Training(
            f"diagnosis-{seed}",
            "diagnosis-compact",
            (*STEADY, f"training.seed={seed}"),
            split="diagnosis-small",
        )
        for seed in range(MEMBERS)
    ),
    Training(
        "attributes-first",
        "attributes-compact",
        (
            "attributes.start_from={out}/diagnosis-small/last.safetensors",
            "training.epochs=12",
            # As the recipe was when this model was made; what it is now was no better.
            "network.map_prior=0.0",
            "attributes.positive_weights=[]",
            "attributes.sampling_power=0.4",
            "supervised.losses={{cross_entropy=1.0,pooled_jaccard=1.0,pooled_jaccard_each=0.5}}",
        ),
        split="segmentation",
    ),
    # Pooled losses give up all but the pigment network; these bring the others back.
    Training(
        "attributes",
        "attributes-compact",
        (
            "attributes.start_from={out}/attributes-first/last.safetensors",
            "attributes.start_with=all",
            "attributes.positive_weights=[1.5,4.0,6.0,4.0,4.0]",
            "attributes.sampling_power=0.5",
            "supervised.losses={{cross_entropy=2.0,present_dice=1.0,pooled_jaccard=0.5}}",
            "optimizer.lr=7e-4",
            "training.epochs=4",
        ),
        split="segmentation",
    ),
)

JOININGS = (Joining("diagnosis", tuple(f"diagnosis-{seed}" for seed in range(MEMBERS))),)

MODELS = (
    Model(
        "attributes",
        "attributes-compact",
        "attributes",
        TASK12,
        "ISIC 2018 task 2 (and task 1 lesions), 1,660 of 2,076 photographs (long side 256 pixels)",
        f"photographs CC-0; encoder pretrained on HAM10000: {NONCOMMERCIAL}",
        ("--weights", "int8", "--flips", "--no-rotations"),
        ("n", "pooled_jaccard", "pooled_dice", "per_attribute", "ci95"),
        refit=("--views", "flips"),
        arithmetic="float32",
    ),
    Model(
        "segmentation",
        "lesion-compact",
        "segmentation",
        TASK12,
        "ISIC 2018 task 1, 1,660 of 2,076 photographs (long side 256 pixels)",
        CC0,
        ("--weights", "int8", "--flips", "--steps", "challenge"),
        ("n", "threshold_jaccard", "jaccard", "dice", "ci95"),
    ),
    Model(
        "diagnosis",
        "diagnosis-compact",
        "diagnosis",
        TASK3,
        "HAM10000, 8,012 of 10,015 photographs (centre crops of 256 x 256 pixels)",
        NONCOMMERCIAL,
        ("--weights", "int8", "--flips", "--no-rotations", "--by", "both"),
        ("n", "balanced_accuracy", "accuracy", "ci95"),
        refit=("--views", "flips"),
    ),
)


class Builder:
    """Runs the steps that are missing.

    Args:
        data: Data root.
        out: Folder of runs and exported models.
        deadline: `time.monotonic` after which no training goes on; None for none.
    """

    def __init__(self, data: Path, out: Path, deadline: float | None) -> None:
        self.data = data
        self.out = out
        self.deadline = deadline

    def train(self, training: Training) -> bool:
        """Run or resume a training; return whether it is finished."""
        run = self.out / training.name
        done = run / "finished"
        if done.is_file():
            return True
        command = ["train", training.recipe, "--data", str(self.data), "--out", str(run)]
        command += ["--validate-epochs", "4"]
        if training.split:
            command += ["--split", str(self.out / training.split / "split.json")]
        for value in training.sets:
            command += ["--set", value.format(out=self.out)]
        if (run / "run.json").is_file():
            command.append("--resume")
        if self.deadline is not None:
            minutes = max(0.0, (self.deadline - time.monotonic()) / 60)
            command += ["--max-minutes", f"{minutes:.2f}"]
        said = nevus(*command)
        print(said, end="", flush=True)
        if said.startswith("done"):
            done.touch()
        return done.is_file()

    def join(self, joining: Joining) -> None:
        """Make one run of several."""
        target = self.out / joining.name
        if not target.exists():
            runs = [str(self.out / run) for run in joining.runs]
            nevus("join", *runs, "--out", str(target))

    def export(self, model: Model) -> Path:
        """Calibrate and export a model; return its manifest."""
        manifest = self.out / "exported" / f"{model.name}.json"
        run = self.out / model.run
        done = manifest.with_suffix(".done")
        if done.is_file():
            return manifest
        if model.refit:
            nevus("refit", str(run), "--data", str(self.data), *model.refit)
        self._export(model, manifest)
        scores = manifest.with_suffix(".scores")
        scores.write_text(json.dumps(self._score(model, manifest), indent=1), encoding="utf-8")
        self._export(model, manifest, "--scores", str(scores))
        done.touch()
        return manifest

    def _export(self, model: Model, manifest: Path, *more: str) -> None:
        manifest.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = self.out / model.run / "last.safetensors"
        told = ("--name", model.name, "--data", model.data, "--licence", model.licence)
        target = str(manifest.with_suffix(".onnx"))
        computed = ("--arithmetic", model.arithmetic, *self._name_pictures(model))
        nevus("export", str(checkpoint), "--out", target, *model.export, *computed, *told, *more)

    def _name_pictures(self, model: Model) -> tuple[str, ...]:
        if model.arithmetic == "float32":
            return ()
        # Ranges of activations, too, come from photographs that the network was trained on.
        split = str(self.out / model.run / "split.json")
        return ("--images", str(self.data / model.images), "--split", split)

    def _score(self, model: Model, manifest: Path) -> dict[str, Any]:
        """Return the scores of the exported file on the photographs its training never saw."""
        alone = self.out / "alone" / model.name
        build_zoo([manifest], alone)
        split = self.out / model.run / "split.json"
        found = self.out / "predicted" / model.name
        given = ("--models", str(alone), "--images", str(self.data / model.images))
        nevus("predict", model.task, *given, "--split", str(split), "--out", str(found))
        what = found / "diagnosis.csv" if model.task == "diagnosis" else found
        text = nevus(
            "evaluate", model.task, "--truth", str(self.data), "--prediction", str(what),
            "--subset", "--json",
        )  # fmt: skip
        scores = json.loads(text)
        (self.out / "scores").mkdir(exist_ok=True)
        (self.out / "scores" / f"{model.name}.json").write_text(text, encoding="utf-8")
        return {"split": HELD_OUT, **{key: scores[key] for key in model.keep}}


def nevus(*arguments: str) -> str:
    """Run a verb, its progress on this terminal; return what it printed."""
    print("nevus", *arguments, flush=True)
    command = [sys.executable, "-m", "nevus", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    """Read the command line and run what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of ISIC 2018")
    parser.add_argument("--out", type=Path, default=Path("runs/models"))
    parser.add_argument("--zoo", type=Path, default=Path("src/nevus/zoo"))
    parser.add_argument("--max-minutes", type=float, help="of training; then stop cleanly")
    options = parser.parse_args()
    minutes = options.max_minutes
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    builder = Builder(options.data, options.out, deadline)
    if not all(builder.train(training) for training in TRAININGS):
        print("stopped; the same command goes on")
        return 0
    for joining in JOININGS:
        builder.join(joining)
    size = build_zoo([builder.export(model) for model in MODELS], options.zoo)
    print(f"{options.zoo}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
