"""Two processes must train as one does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nevus.models.tensorfile import read_tensors
from nevus.recipe import read_recipe
from nevus.training.state import find_states
from nevus.training.train import TrainOptions, train

OVERRIDES = [
    "training.epochs=3",
    "training.batch_size=6",
    "training.freeze_encoder_epochs=1",
    "training.precision=float64",
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("segan-tiny", []),
        ("segmentation-tiny", ["training.ema_decay=0.9", "training.hard_mining=2"]),
        ("attributes-tiny", ["training.batch_size=6"]),
        ("diagnosis-tiny", ["training.epochs=4", "training.batch_size=12"]),
    ],
)
def test_two_processes_equal_one(
    name: str,
    extra: list[str],
    drawn: Path,
    drawn_cases: Path,
    drawn_attributes: Path,
    tmp_path: Path,
) -> None:
    data = {"diagnosis-tiny": drawn_cases, "attributes-tiny": drawn_attributes}.get(name, drawn)
    overrides = [*OVERRIDES, *extra]
    one, two = tmp_path / "one", tmp_path / "two"
    options = TrainOptions(data=data, out=one, fold=(0, 4), device="cpu")
    assert train(read_recipe(name, overrides), options).finished
    command = [sys.executable, "-m", "nevus", "train", name, "--data", str(data)]
    command += ["--out", str(two), "--fold", "0/4", "--device", "cpu"]
    for override in overrides:
        command += ["--set", override]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    first, _ = read_tensors(find_states(one / "state")[0])
    second, _ = read_tensors(find_states(two / "state")[0])
    assert first.keys() == second.keys()
    differences = {
        key: float((first[key].double() - second[key].double()).abs().max()) for key in first
    }
    assert max(differences.values()) <= 1e-6, max(differences, key=lambda k: differences[k])
