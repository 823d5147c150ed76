"""What smaller weights and 8-bit arithmetic cost a model: size, time, how far its answers move.

    python benchmarks/stored_weights.py CHECKPOINT... --images PHOTOGRAPHS [--count 24]

Each checkpoint is exported with weights in 32-bit floats, 16-bit floats and 8-bit integers, and with an
encoder computed in 8-bit integers (ranges of activations from 96 photographs other than those compared).
Time is of one view of one photograph on one thread, processor time, the least of `--repeats`, kinds
taking turns. Answers are compared with those of the 32-bit file: the Jaccard of both masks at .5 over all
pixels and photographs, or the largest and mean difference of class probabilities (softmax of logits, no
temperature).
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nevus.export import ExportOptions, export_checkpoint
from nevus.export.exporting import WEIGHTS
from nevus.runtime.session import Session, open_session
from nevus.runtime.threads import Threads
from nevus.runtime.zoo import read_zoo

Values = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--images", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    found = sorted(arguments.images.glob("*.jpg"))
    paths, others = found[: arguments.count], found[arguments.count :]
    photographs = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    print(f"{len(photographs)} photographs")
    print("| model | weights, arithmetic | MB | ms | difference |\n|---|---|---|---|---|")
    for checkpoint in arguments.checkpoints:
        with tempfile.TemporaryDirectory() as folder:
            sessions = export_all(checkpoint, Path(folder), tuple(others))
        spent = time_each(sessions, photographs[0], arguments.repeats)
        answers = [[ask(one, pixels) for pixels in photographs] for one in sessions]
        for session, seconds, mine in zip(sessions, spent, answers, strict=True):
            card, told = session.card, compare(answers[0], mine, session.card.task)
            size = card.bytes / 1e6
            kind = f"{card.weights}, {card.arithmetic}"
            print(f"| {card.task} | {kind} | {size:.1f} | {seconds * 1e3:.1f} | {told} |")


def export_all(checkpoint: Path, folder: Path, others: tuple[Path, ...]) -> list[Session]:
    """Return the checkpoint's model in every kind of weights and arithmetic."""
    kinds = [ExportOptions(weights=kind) for kind in WEIGHTS]
    kinds.append(ExportOptions(weights="int8", arithmetic="int8", photographs=others))
    sessions = []
    for place, options in enumerate(kinds):
        path = folder / str(place) / "model.onnx"
        path.parent.mkdir()
        export_checkpoint(checkpoint, path, options=options)
        sessions.append(open_session(read_zoo(path.parent).models[0], threads=Threads(1)))
    return sessions


def time_each(sessions: list[Session], pixels: NDArray[np.uint8], repeats: int) -> list[float]:
    """Return the least processor seconds of each for one view."""
    spent: list[list[float]] = [[] for _ in sessions]
    small = sessions[0].card.preparation.apply(pixels)[None]
    for _ in range(repeats):
        for session, times in zip(sessions, spent, strict=True):
            begin = time.process_time()
            session.run(small)
            times.append(time.process_time() - begin)
    return [min(times) for times in spent]


def ask(session: Session, pixels: NDArray[np.uint8]) -> Values:
    """Return what is compared: masks' probabilities or class probabilities, one view."""
    found = session.run(session.card.preparation.apply(pixels)[None])
    first: Values = found[session.card.outputs[0]][0]
    if session.card.task != "diagnosis":
        return first
    powers = np.exp(first - first.max())
    return np.asarray(powers / powers.sum())


def compare(plain: list[Values], other: list[Values], task: str) -> str:
    """Return how far two lists of answers lie apart, in words."""
    one, two = np.stack(plain), np.stack(other)
    if task != "diagnosis":
        masks = one > 0.5, two > 0.5
        return f"{(masks[0] & masks[1]).sum() / max(1, (masks[0] | masks[1]).sum()):.4f}"
    apart, moved = np.abs(one - two), (one.argmax(1) != two.argmax(1)).sum()
    return f"{apart.max():.3f} / {apart.mean():.4f}, {moved} names changed"


if __name__ == "__main__":
    main()
