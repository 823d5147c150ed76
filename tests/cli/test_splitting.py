"""`nevus data split`: the split a training would take, without one."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nevus.cli.data import data_app
from nevus.data.folds import read_validation_ids
from nevus.errors import UsageError
from nevus.recipe import read_recipe
from nevus.training.train import MATERIALS

ROOTS = {
    "segmentation": "drawn",
    "attributes": "drawn_attributes",
    "diagnosis": "drawn_cases",
}


@pytest.mark.parametrize("task", ROOTS)
def test_it_is_the_split_of_a_training(
    task: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    root: Path = request.getfixturevalue(ROOTS[task])
    out = tmp_path / "new" / "split.json"
    words = ["split", str(root), "--task", task, "--fold", "1/4", "--out", str(out)]
    result = CliRunner().invoke(data_app, words)
    assert result.exception is None, result.output
    taken = MATERIALS[task](read_recipe(f"{task}-tiny", []), root).split((1, 4))
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written == {"training": [*taken.training], "validation": [*taken.validation]}
    assert read_validation_ids(out) == set(taken.validation)
    assert f"{len(taken.validation)} for validation" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--task", "lesions"], "unknown task"), (["--task", "diagnosis", "--fold", "5/5"], "0 to 4")],
)
def test_what_cannot_be_split(words: list[str], said: str, drawn_cases: Path) -> None:
    result = CliRunner().invoke(data_app, ["split", str(drawn_cases), *words])
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
