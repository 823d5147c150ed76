"""kill -9 at random moments: does every run end with the uninterrupted run's bits?

    python benchmarks/kills.py [--kills 20] [--recipe segan-tiny]

One run is left alone. A second is killed again and again, each time at a random moment of its
first seconds after taking up training, every second time while a state is being written (one is
written after every step), and resumed; in the end all tensors of both last states, weights and
optimisers, are compared bit for bit.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from nevus.data.phantoms import write_phantoms
from nevus.models.tensorfile import read_tensors
from nevus.recipe import read_recipe
from nevus.training.state import find_states


def command(recipe: str, data: Path, out: Path, epochs: int) -> list[str]:
    line = [sys.executable, "-m", "nevus", "train", recipe, "--data", str(data), "--out", str(out)]
    line += ["--fold", "0/4", "--save-steps", "1", "--resume"]
    return [
        *line,
        "--set",
        f"training.epochs={epochs}",
        "--set",
        "training.freeze_encoder_epochs=2",
    ]


def newest_step(out: Path) -> int:
    states = find_states(out / "state")
    return int(states[0].stem.removeprefix("step-")) if states else 0


def kill_once(line: list[str], out: Path, generator: random.Random, *, writing: bool) -> bool:
    """Start, wait until training moves, kill: at random, or while a state is being written."""
    before = newest_step(out)
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while newest_step(out) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    if writing:
        while not list((out / "state").glob("*.partial")) and process.poll() is None:
            pass
    else:
        time.sleep(generator.uniform(0, 0.3))
    process.kill()
    return process.wait() == -9


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--recipe", default="segan-tiny")
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    generator = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        task = read_recipe(arguments.recipe).task
        write_phantoms(root / "data", 64, size=(60, 80), seed=0, tasks=("segmentation", task))
        alone, killed = root / "alone", root / "killed"
        line = command(arguments.recipe, root / "data", alone, arguments.epochs)
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        line = command(arguments.recipe, root / "data", killed, arguments.epochs)
        places, partials = [], 0
        while len(places) < arguments.kills and kill_once(
            line, killed, generator, writing=len(places) % 2 == 1
        ):
            places.append(newest_step(killed))
            partials += len(list((killed / "state").glob("*.partial")))
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        first, _ = read_tensors(find_states(alone / "state")[0])
        second, _ = read_tensors(find_states(killed / "state")[0])
        equal = sum(torch.equal(first[key], second[key]) for key in first)
        left = len(list((killed / "state").glob("*.partial")))
    print(f"{len(places)} kills, after steps {places}")
    print(f"{partials} of them left a half-written state, {left} such files remain")
    print(f"{equal} of {len(first)} tensors equal bit for bit")


if __name__ == "__main__":
    main()
