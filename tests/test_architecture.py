"""The arrows of docs/architecture.md, read from the imports themselves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nevus

ROOT = Path(nevus.__file__).parent
LAYERS = {
    "labels": 0, "errors": 0, "metrics": 0, "processors": 0,
    "imaging": 1, "options": 1, "recipe": 1,
    "data": 2, "models": 2, "losses": 2,
    "training": 3, "inference": 3,
    "evaluation": 4, "export": 4, "analysis": 4, "runtime": 4,
    "analyzer": 5,
    "serving": 6, "reproduction": 6,
    "cli": 7, "__main__": 8,
}  # fmt: skip
SIBLINGS = {
    ("training", "inference"), ("inference", "training"),
    ("evaluation", "analysis"), ("analysis", "evaluation"),
    ("runtime", "analysis"), ("analysis", "runtime"), ("runtime", "evaluation"),
    ("runtime", "export"),
}  # fmt: skip
FORBIDDEN_MODULES = {"pickle", "dill", "joblib", "marshal", "shelve"}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_point_one_way(path: Path) -> None:
    here = package_of(path)
    if here == "__init__":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name in imports(tree):
        if not name.startswith("nevus."):
            continue
        there = name.split(".")[1]
        if there == here:
            continue
        assert LAYERS[there] <= LAYERS[here], f"{here} imports {there}"
        assert (here, there) not in SIBLINGS, f"{here} imports {there}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_dangerous_is_called(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not {name.split(".")[0] for name in imports(tree)} & FORBIDDEN_MODULES
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        assert called != "extractall"
        assert not (isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"})
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        torch_load = isinstance(owner, ast.Name) and owner.id == "torch" and called == "load"
        assert not torch_load
        for keyword in node.keywords:
            value = getattr(keyword.value, "value", None)
            assert (keyword.arg, value) not in {("shell", True), ("allow_pickle", True)}


def test_files_are_small_nouns() -> None:
    for path in modules():
        assert path.read_text(encoding="utf-8").count("\n") <= 350, path
        assert path.stem not in {"utils", "common", "helpers", "base", "misc"}


TRAINING_MODULES = "torch", "torchvision", "timm", "segmentation_models_pytorch", "onnx"
SLOW_MODULES = "scipy", "pooch", "onnxruntime", "PIL", "fastapi"


@pytest.mark.parametrize("command", ["import nevus", "import nevus.cli.app"])
def test_the_light_parts_load_nothing_slow(command: str) -> None:
    assert find_loaded(command, TRAINING_MODULES + SLOW_MODULES) == "[]"


@pytest.mark.parametrize("package", ["runtime", "analyzer", "serving", "analysis"])
def test_who_analyses_loads_no_torch(package: str) -> None:
    """Every module of it, and so whatever those import."""
    names = [
        ".".join(("nevus", *path.relative_to(ROOT).with_suffix("").parts))
        for path in sorted((ROOT / package).rglob("*.py"))
    ]
    assert names
    command = "; ".join(f"import {name.removesuffix('.__init__')}" for name in names)
    assert find_loaded(command, TRAINING_MODULES) == "[]"


def find_loaded(command: str, heavy: tuple[str, ...]) -> str:
    code = f"import sys; {command}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
