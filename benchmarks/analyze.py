"""The analyser: start to JSON, each further photograph, the networks' share, peak memory.

    python benchmarks/analyze.py --models FOLDER [--checkpoints FILE FILE FILE]

With checkpoints, the same networks as float32 torch eager run in turn with ours in this process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nevus.analyzer.analyzer import Analyzer
from nevus.data.phantoms import draw_phantom

PEAK = """
import sys
from pathlib import Path
from nevus.analyzer.folder import analyze_folder
from nevus.analyzer.naming import find_inputs
from nevus.analyzer.options import Options
from nevus.analyzer.outputs import Wanted
photo, out, models = sys.argv[1:4]
options = Options(models=Path(models) if models else None, wanted=Wanted(overlay=True))
analyze_folder(find_inputs([photo]), Path(out), options, workers=0)
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def time_each(calls: list[Callable[[], Any]], repeats: int) -> list[float]:
    """Return each call's median seconds; calls take turns, so that all meet the same machine."""
    spent: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, times in zip(calls, spent, strict=True):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
    return [statistics.median(times) for times in spent]


def build_torch(checkpoints: list[Path], threads: int) -> Callable[[np.ndarray], None]:
    import torch

    from nevus.inference.attributor import load_attributor
    from nevus.inference.diagnoser import load_diagnoser
    from nevus.inference.network import load_network

    torch.set_num_threads(threads)
    segmentor = load_network(checkpoints[0])
    attributor = load_attributor(checkpoints[1])
    diagnoser = load_diagnoser(checkpoints[2])

    def run(pixels: np.ndarray) -> None:
        segmentor.probability(pixels)
        attributor.detect(pixels)
        diagnoser.diagnose(pixels)

    return run


def time_start(photo: Path, models: Path | None, folder: Path, repeats: int) -> list[float]:
    """Return seconds from process start to the answer, report and all."""
    times = []
    for turn in range(repeats):
        command = [sys.executable, "-m", "nevus", "analyze", str(photo), "--out"]
        command += [str(folder / f"start{turn}"), *(["--models", str(models)] if models else [])]
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return times


def measure_peak(photo: Path, models: Path | None, folder: Path) -> float:
    """Return the most MiB that a process of its own ever held (Linux).

    `resource.getrusage` would tell of this process too, from before the other began.
    """
    command = [sys.executable, "-c", PEAK, str(photo), str(folder / photo.stem)]
    done = subprocess.run([*command, str(models or "")], check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--checkpoints", type=Path, nargs=3, default=None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--starts", type=int, default=3)
    arguments = parser.parse_args()
    pixels = draw_phantom(1, 3, size=(450, 600)).pixels
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "small.jpg", folder / "large.jpg"
        Image.fromarray(pixels).save(small, quality=95)
        Image.fromarray(pixels).resize((6000, 4000)).save(large, quality=90)
        analyzer = Analyzer(arguments.models, threads=arguments.threads)
        analyzer.warm_up()
        calls = [lambda: analyzer.analyze(small), lambda: analyzer.networks.examine(pixels)]
        if arguments.checkpoints:
            peer = build_torch(arguments.checkpoints, arguments.threads)
            peer(pixels)
            calls.append(lambda: peer(pixels))
        whole, networks, *torch_eager = time_each(calls, arguments.repeats)
        found = {
            "processors": os.cpu_count(),
            "threads": arguments.threads,
            "start_to_json_s": [round(one, 3) for one in time_start(
                small, arguments.models, folder, arguments.starts)],
            "further_photograph_s": round(whole, 4),
            "networks_s": round(networks, 4),
            "networks_share": round(networks / whole, 3),
            "peak_mib_600x450": round(measure_peak(small, arguments.models, folder)),
            "peak_mib_6000x4000": round(measure_peak(large, arguments.models, folder)),
        }  # fmt: skip
        if torch_eager:
            found["torch_eager_networks_s"] = round(torch_eager[0], 4)
            found["networks_times_faster_than_torch"] = round(torch_eager[0] / networks, 2)
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
