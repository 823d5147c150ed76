"""`tools/make_models.py`: trainings, joining, calibration, export and scores, one after another."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from nevus.cli.app import main
from nevus.models.checkpoint import read_checkpoint
from nevus.recipe import read_recipe
from nevus.runtime.zoo import read_zoo

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    if not TOOLS.is_dir():
        pytest.skip("tools/ is not part of the source distribution")
    # The tool imports its neighbour, as a script's folder is on the path.
    monkeypatch.syspath_prepend(TOOLS)
    spec = spec_from_file_location("make_models", TOOLS / "make_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Its dataclasses look themselves up there.
    monkeypatch.setitem(sys.modules, "make_models", module)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("build_zoo", None)


def test_what_ships_is_told_whole(tool: ModuleType) -> None:
    """Recipes take their changes; every name leads to a step before it."""
    steps: list[str] = []
    for training in tool.TRAININGS:
        read_recipe(training.recipe, [value.format(out="runs") for value in training.sets])
        assert training.split in ("", *steps)
        steps.append(training.name)
    for joining in tool.JOININGS:
        assert set(joining.runs) <= set(steps)
        steps.append(joining.name)
    assert {model.run for model in tool.MODELS} <= set(steps)
    assert {model.task for model in tool.MODELS} == {"segmentation", "attributes", "diagnosis"}


def test_from_recipe_to_scored_file(
    tool: ModuleType,
    drawn_cases: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def run_here(*words: str) -> str:
        """Run a verb in this process: as good as one of its own, and seconds faster."""
        asked.append(words[0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["nevus", *words])
            with pytest.raises(SystemExit) as left:
                main()
        assert not left.value.code, words
        return capsys.readouterr().out

    monkeypatch.setattr(tool, "nevus", run_here)
    builder = tool.Builder(drawn_cases, tmp_path, None)
    short = ("training.epochs=2",)
    first = tool.Training("first", "diagnosis-tiny", short)
    second = tool.Training("second", "diagnosis-tiny", (*short, "training.seed=1"), split="first")
    packaged = next(model for model in tool.MODELS if model.task == "diagnosis")
    model = replace(packaged, run="both", name="tiny")
    for _ in range(2):
        assert builder.train(first)
        assert builder.train(second)
        builder.join(tool.Joining("both", ("first", "second")))
        manifest = builder.export(model)
    # The second time everything was there.
    assert asked == ["train", "train", "join", "refit", "export", "predict", "evaluate", "export"]
    assert read_checkpoint(tmp_path / "both" / "last.safetensors").network.members == 2
    (card,) = read_zoo(manifest.parent).models
    scored = json.loads((tmp_path / "scores" / "tiny.json").read_text(encoding="utf-8"))
    told = card.about["scores"]
    assert told["balanced_accuracy"] == scored["balanced_accuracy"]
    split = json.loads((tmp_path / "first" / "split.json").read_text(encoding="utf-8"))
    assert told["n"] == len(split["validation"]) > 0
