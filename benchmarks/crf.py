"""Fully connected CRF: `nevus.inference.crf` against pydensecrf2, in one run.

    python benchmarks/crf.py --images FOLDER --peer-python PEER/bin/python

FOLDER holds dermoscopy photographs (JPEG); the largest ones are used, resized to each size. The
probability map is a colour threshold found at 224 px, blurred and enlarged, which is what a
network's output looks like. Each program runs in a process of its own, on one thread, and takes
turns with the other one; a time covers everything from probability and photograph in memory to
the marginal. pydensecrf2 has a Python of its own because it is compiled on installation:

    python -m venv PEER && PEER/bin/pip install numpy pydensecrf2
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZES = ((224, 224), (767, 1022), (2000, 3000))
HOW_TO_INSTALL = "python -m venv PEER && PEER/bin/pip install numpy pydensecrf2"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of photographs")
    parser.add_argument("--peer-python", default=sys.executable, help="Python with pydensecrf2")
    parser.add_argument("--photographs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--masks", type=Path, help="write outlines to look at here")
    parser.add_argument("--worker", choices=("nevus", "pydensecrf2"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
    elif options.images is None:
        parser.error("--images is needed")
    else:
        compare(options)


def work(name: str) -> None:
    """Answer each folder named on stdin with seconds, processor seconds and peak memory."""
    find_marginal = {"nevus": load_nevus, "pydensecrf2": load_peer}[name]()
    # Imports and look-ups that happen once are no part of anybody's speed.
    grey = np.full((64, 64, 3), 128, dtype=np.uint8)
    find_marginal(np.full((64, 64), 0.6, dtype=np.float32), grey)
    print("ready", flush=True)
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        probability = np.load(folder / "probability.npy")
        pixels = np.load(folder / "pixels.npy")
        start, used = time.perf_counter(), time.process_time()
        marginal = find_marginal(probability, pixels)
        seconds, used = time.perf_counter() - start, time.process_time() - used
        np.save(folder / f"{name}.npy", marginal)
        print(seconds, used, measure_peak(), flush=True)


def load_nevus() -> Callable[..., Any]:
    from nevus.inference.crf import dense_crf

    return dense_crf


def load_peer() -> Callable[..., Any]:
    import pydensecrf.densecrf as peer
    from pydensecrf.utils import unary_from_softmax

    def find_marginal(probability: Any, pixels: Any) -> Any:
        height, width = probability.shape
        crf = peer.DenseCRF2D(width, height, 2)
        crf.setUnaryEnergy(unary_from_softmax(np.stack([1 - probability, probability])))
        crf.addPairwiseGaussian(sxy=3, compat=3)
        crf.addPairwiseBilateral(sxy=80, srgb=13, rgbim=pixels, compat=10)
        return np.asarray(crf.inference(5))[1].reshape(height, width)

    return find_marginal


def measure_peak() -> float:
    """Return the largest memory this process has held, MB; nan where nobody counts."""
    try:
        import resource
    except ImportError:
        return float("nan")
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def compare(options: argparse.Namespace) -> None:
    photographs = find_largest(options.images, options.photographs)
    print(f"{len(photographs)} photographs, {options.rounds} rounds, one thread each")
    for size in SIZES:
        # Fresh processes for each size, so that the peak is that size's.
        workers = {
            "nevus": start_worker("nevus", sys.executable),
            "pydensecrf2": start_worker("pydensecrf2", options.peer_python),
        }
        rows = [compare_one(path, size, workers, options) for path in photographs]
        report(size, rows)
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()


def find_largest(folder: Path, count: int) -> list[Path]:
    from PIL import Image

    def count_pixels(path: Path) -> int:
        with Image.open(path, formats=("JPEG",)) as image:
            return image.width * image.height

    found = sorted(folder.glob("*.jpg"))
    if len(found) < count:
        sys.exit(f"{folder} holds {len(found)} .jpg files, expected at least {count}")
    return sorted(found, key=lambda path: (-count_pixels(path), path.name))[:count]


def start_worker(name: str, python: str) -> Any:
    # pydensecrf2 uses one thread: so shall the matrix products of numpy.
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    worker = subprocess.Popen(
        [python, __file__, "--worker", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **dict.fromkeys(threads, "1")},
    )
    if worker.stdout.readline() != "ready\n":
        sys.exit(f"{name} does not run in {python}; to create its environment: {HOW_TO_INSTALL}")
    return worker


def compare_one(
    path: Path, size: tuple[int, int], workers: dict[str, Any], options: argparse.Namespace
) -> dict[str, float]:
    """Return seconds, peaks and agreement on one photograph."""
    pixels, probability = make_case(path, size)
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    processor: dict[str, list[float]] = {name: [] for name in workers}
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "pixels.npy"), pixels)
        np.save(Path(folder, "probability.npy"), probability)
        for _ in range(options.rounds):
            for name, worker in workers.items():
                print(folder, file=worker.stdin, flush=True)
                spent, used, peaks[name] = map(float, worker.stdout.readline().split())
                seconds[name].append(spent)
                processor[name].append(used)
        ours, peer = (np.load(Path(folder, f"{name}.npy")) for name in workers)
    ratios = np.divide(seconds["pydensecrf2"], seconds["nevus"])
    row = {
        "ours": float(np.median(seconds["nevus"])),
        "peer": float(np.median(seconds["pydensecrf2"])),
        "ratio_min": float(ratios.min()),
        "ratio": float(np.median(ratios)),
        "processor_ratio": float(
            np.median(np.divide(processor["pydensecrf2"], processor["nevus"]))
        ),
        "jaccard": compute_jaccard(ours > 0.5, peer > 0.5),
        "difference": float(np.abs(ours - peer).mean()),
        "changed": 1 - compute_jaccard(probability > 0.5, peer > 0.5),
        "ours_mb": peaks["nevus"],
        "peer_mb": peaks["pydensecrf2"],
    }
    print(
        f"  {path.name} {size[0]}x{size[1]}: {row['ours']:.3f} s, peer {row['peer']:.3f} s, "
        f"ratio {row['ratio']:.2f} (processor time {row['processor_ratio']:.2f}); "
        f"Jaccard {row['jaccard']:.6f}, mean |difference| {row['difference']:.1e}; "
        f"1 - Jaccard(CRF, before) {row['changed']:.3f}",
        flush=True,
    )
    if options.masks:
        write_outlines(options.masks / f"{path.stem}_{size[0]}.png", pixels, probability, ours)
    return row


def make_case(path: Path, size: tuple[int, int]) -> tuple[Any, Any]:
    """Return the photograph at this size and a probability map as from a network of 224 px."""
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    with Image.open(path, formats=("JPEG",)) as opened:
        photograph = opened.convert("RGB")
    small = np.asarray(photograph.resize((224, 224), Image.Resampling.BILINEAR), dtype=np.float32)
    frame = np.concatenate([small[:12], small[-12:]]).reshape(-1, 3)
    distance = np.linalg.norm(small - np.median(frame, axis=0), axis=-1)
    # Halfway between skin and the strongest colour of the middle, where the lesion is.
    middle = np.quantile(distance[56:168, 56:168], 0.9) / 2
    row, column = np.mgrid[-1:1:224j, -1:1:224j]
    logits = (distance - middle) / 8 - 3 * np.maximum(np.hypot(row, column) - 0.7, 0) * 4
    blurred = gaussian_filter(1 / (1 + np.exp(-logits)), 3).astype(np.float32)
    enlarged = Image.fromarray(blurred).resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.array(photograph.resize(size[::-1], Image.Resampling.BICUBIC))
    return pixels, np.clip(np.asarray(enlarged), 0, 1)


def compute_jaccard(first: Any, second: Any) -> float:
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


def write_outlines(path: Path, pixels: Any, probability: Any, marginal: Any) -> None:
    """Write the photograph with the mask before in blue and after in green."""
    from PIL import Image
    from scipy.ndimage import binary_erosion

    drawn = pixels.copy()
    width = max(1, max(drawn.shape) // 400)
    for field, color in ((probability, (0, 0, 255)), (marginal, (0, 255, 0))):
        mask = field > 0.5
        drawn[mask & ~binary_erosion(mask, iterations=width)] = color
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(drawn)
    image.thumbnail((800, 800))
    image.save(path)


def report(size: tuple[int, int], rows: list[dict[str, float]]) -> None:
    def column(name: str) -> Any:
        return np.array([row[name] for row in rows])

    print(
        f"{size[0]}x{size[1]}: nevus {np.median(column('ours')):.3f} s, "
        f"pydensecrf2 {np.median(column('peer')):.3f} s (medians over photographs); "
        f"ratio median {np.median(column('ratio')):.2f}, "
        f"smallest of any round {column('ratio_min').min():.2f}, "
        f"in processor time {np.median(column('processor_ratio')):.2f}; "
        f"mask Jaccard mean {column('jaccard').mean():.6f}, "
        f"smallest {column('jaccard').min():.6f}; "
        f"largest mean |difference| {column('difference').max():.1e}; "
        f"peak memory {column('ours_mb').max():.0f} MB, peer {column('peer_mb').max():.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
