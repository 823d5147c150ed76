"""`nevus reproduce` through the command line's own parser."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nevus.cli.app import app
from nevus.errors import UsageError


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["reproduce", *map(str, arguments)])


def good(*arguments: object) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_plan_next_report(drawn: Path, tmp_path: Path) -> None:
    out, docs = tmp_path / "out", tmp_path / "docs"
    docs.mkdir()
    own = ["--data", drawn, "--out", out, "--scale", "tiny", "--device", "cpu"]
    text = good("table1", *own, "--plan", "--row", "pixel")
    assert "missing at scale tiny: 2 of 2" in text
    assert "minutes in all" in text
    assert "1 rows and folds done now, 1 missing" in good(
        "table1", *own, "--next", "--row", "pixel"
    )
    text = good("table1", *own, "--row", "pixel", "--max-minutes", 10)
    assert "1 rows and folds done now, 0 missing" in text
    assert "nevus reproduce report" in text
    assert "missing at scale tiny: 0 of 2" in good("table1", *own, "--plan", "--row", "pixel")
    text = good("report", "--out", out, "--docs", docs, "--scale", "tiny")
    assert "tiny: Hard mining gains nothing: not run" in text
    assert "the same segmentor" in (docs / "reproduce.md").read_text(encoding="utf-8")


def test_all_is_the_default(drawn: Path, tmp_path: Path) -> None:
    text = good(
        "--plan", "--data", drawn, "--out", tmp_path, "--scale", "tiny", "--row", "table1:pixel"
    )
    assert "missing at scale tiny: 2 of 2" in text


def test_failures_are_told_with_exit_code_3(drawn: Path, tmp_path: Path) -> None:
    result = invoke(
        "table1", "--data", drawn, "--out", tmp_path, "--scale", "tiny", "--row", "pixel",
        "--set", "test_resnet:network.encoder=absent_network",
    )  # fmt: skip
    assert getattr(result.exception, "exit_code", None) == 3
    assert "absent_network" in str(result.exception)


def test_splits(drawn_cases: Path, drawn: Path, tmp_path: Path) -> None:
    good("split", "leaking", "diagnosis", "--data", drawn_cases, "--fold", "0/2", "--out", tmp_path)
    assert (tmp_path / "training.json").read_bytes() == (tmp_path / "scored.json").read_bytes()
    held = tmp_path / "held"
    good("split", "held_out", "segmentation", "--data", drawn, "--fold", "1/3", "--out", held)
    assert (held / "training.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table1", "--scale", "huge"], "none of compact, paper, tiny"),
        (["table1", "--row", "segam"], "no row 'segam'"),
        (["split", "leaking", "segmentation", "--fold", "0/2"], "only the lesions"),
        (["split", "odd", "diagnosis", "--fold", "0/2"], "no split 'odd'"),
        (["split", "leaking", "diagnosis", "--fold", "all"], "no photograph to score"),
    ],
)
def test_wrong_use(arguments: list[str], message: str, drawn: Path, tmp_path: Path) -> None:
    result = invoke(*arguments, "--data", drawn, "--out", tmp_path)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
