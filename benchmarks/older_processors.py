"""Whether models answer the same on processors that lack this one's instructions.

    python benchmarks/older_processors.py [--models FOLDER] [--processors Haswell EPYC-Rome Nehalem]

Each model answers drawn photographs here and, in the same Python, under `qemu-x86_64`, which knows no
AVX-512 and none of the processor's instructions that the named one lacks (QEMU 7.2 or newer; Debian and
Ubuntu: package qemu-user-static). Printed: the largest difference of each output, 0 where every bit is
the same. 8-bit arithmetic is where processors differ: without VNNI sums of two products may saturate.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from nevus.data.phantoms import draw_phantom
from nevus.runtime.session import Outputs, open_session
from nevus.runtime.threads import Threads
from nevus.runtime.zoo import read_zoo

PHOTOGRAPHS = 4


def answer(models: Path | None) -> dict[str, Outputs]:
    """Return what each model of a folder answers to all drawn photographs, one view."""
    drawn = [draw_phantom(5, index, size=(450, 600)).pixels for index in range(PHOTOGRAPHS)]
    found = {}
    for card in read_zoo(models).models:
        session = open_session(card, threads=Threads(1))
        small = [card.preparation.apply(pixels) for pixels in drawn]
        answers = [session.run(one[None]) for one in small]
        found[card.name] = {
            name: np.concatenate([one[name] for one in answers]) for name in card.outputs
        }
    return found


def answer_elsewhere(models: Path | None, processor: str, emulator: str) -> dict[str, Outputs]:
    """Return the same from an emulated processor."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.npz"
        python = str(Path(sys.executable).resolve())
        command = [emulator, "-cpu", processor, python, str(Path(__file__).resolve())]
        command += ["--write", str(path), *(["--models", str(models)] if models else [])]
        # A resolved interpreter does not know its virtual environment; a loaded library is ours.
        known = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path[1:]))}
        known.pop("LD_PRELOAD", None)
        subprocess.run(command, check=True, env=known, stderr=subprocess.DEVNULL)
        found: dict[str, Outputs] = {}
        with np.load(path) as stored:
            for key in stored.files:
                model, _, output = key.rpartition("/")
                found.setdefault(model, {})[output] = stored[key]
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--processors", nargs="+", default=["Haswell", "EPYC-Rome", "Nehalem"])
    parser.add_argument("--write", type=Path, help="write answers of this processor, nothing else")
    arguments = parser.parse_args()
    ours = answer(arguments.models)
    if arguments.write:
        flat = {f"{m}/{name}": v for m, found in ours.items() for name, v in found.items()}
        # numpy's types take any name for `allow_pickle`.
        np.savez(arguments.write, **flat)  # type: ignore[arg-type]
        return 0
    emulator = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
    if emulator is None:
        print("no qemu-x86_64 found; Debian and Ubuntu: apt-get install qemu-user-static")
        return 2
    for processor in arguments.processors:
        theirs = answer_elsewhere(arguments.models, processor, emulator)
        for model, found in ours.items():
            apart = {
                name: float(np.abs(values - theirs[model][name]).max(initial=0))
                for name, values in found.items()
            }
            print(processor, model, *(f"{name} {value:.2g}" for name, value in apart.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
