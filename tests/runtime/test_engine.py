"""Nothing is told to anyone when models are loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nevus.runtime.engine import SILENCE

SOURCE = Path(__file__).resolve().parents[2] / "src" / "nevus"


def test_loading_leaves_nothing_behind(tmp_path: Path) -> None:
    places = {name: str(tmp_path / name) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    for place in places.values():
        Path(place).mkdir()
    env = {**{k: v for k, v in os.environ.items() if k != SILENCE}, **places}
    code = (
        "import time; from nevus.runtime.engine import load_onnxruntime as load; "
        "print(load().SessionOptions()); time.sleep(1)"
    )
    subprocess.run([sys.executable, "-B", "-c", code], env=env, check=True, timeout=120)
    left = [path for place in places.values() for path in Path(place).rglob("*")]
    assert left == []


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_nobody_else_imports_it(path: Path) -> None:
    if path.name != "engine.py":
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        assert not [line for line in lines if line.startswith(("import onnxr", "from onnxr"))]
