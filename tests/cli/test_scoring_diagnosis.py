"""`nevus evaluate diagnosis` and `nevus submit diagnosis` as a user meets them."""

import inspect
import json
import re

import pytest
import typer
from typer.testing import CliRunner

from nevus.cli.scoring import EVALUATORS, SUBMITTERS, evaluate, submit
from nevus.errors import DataError, SubmissionError, UsageError
from nevus.labels import DIAGNOSES, NOTICE, TASKS

HEADER = f"image,{','.join(DIAGNOSES)}\n"


@pytest.fixture
def run():
    app = typer.Typer()
    app.command("evaluate")(evaluate)
    app.command("submit")(submit)

    def call(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def sides(tmp_path):
    """Fourteen photographs, each class twice; melanoma once taken for nevus."""
    truth, prediction = tmp_path / "truth.csv", tmp_path / "prediction.csv"
    rows = [(f"ISIC_{number:07d}", number % 7) for number in range(14)]
    truth.write_text(HEADER + "".join(write(key, place, "1.0", "0.0") for key, place in rows))
    taken = [(key, 1 if key == "ISIC_0000007" else place) for key, place in rows]
    prediction.write_text(
        HEADER + "".join(write(key, place, "0.7", "0.05") for key, place in taken)
    )
    return ("--truth", truth, "--prediction", prediction)


def write(key, place, high, low):
    return f"{key},{','.join(high if place == here else low for here in range(7))}\n"


def test_tables_have_n_interval_and_notice(run, sides):
    result = run("evaluate", "diagnosis", *sides, "--sensitivity", 0.5)
    assert result.exit_code == 0, result.output
    assert "n = 14" in result.output
    assert re.search(r"balanced_accuracy\W+0\.9286\W+0\.\d{4} to \d\.\d{4}", result.output)
    assert re.search(r"MEL\W+2\W+0\.500", result.output)
    assert "melanoma at sensitivity 0.500 (wanted 0.5): specificity 1.000" in result.output
    assert "unit: photograph" in result.output
    assert NOTICE in result.output


def test_json_is_one_object(run, sides):
    answer = json.loads(run("evaluate", "diagnosis", *sides, "--json").stdout)
    assert answer["n"] == 14
    assert answer["balanced_accuracy"] == pytest.approx(13 / 14)
    assert answer["notice"] == NOTICE


def test_csv_page_and_metadata(run, sides, tmp_path):
    facts = tmp_path / "facts.csv"
    rows = (f"ISIC_{number:07d},L{number // 2},female\n" for number in range(14))
    facts.write_text("image_id,lesion_id,sex\n" + "".join(rows))
    result = run(
        "evaluate", "diagnosis", *sides, "--csv", tmp_path / "each.csv",
        "--page", tmp_path / "page.html", "--metadata", facts,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "7 units drawn class by class; unit: lesion" in result.output
    assert len((tmp_path / "each.csv").read_text(encoding="utf-8").splitlines()) == 15
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Diagnosis: prediction.csv" in page
    assert "female" in page


def test_problems_are_listed(run, sides):
    path = sides[-1]
    path.write_text(path.read_text().replace("ISIC_0000007", "ISIC_0000099"))
    refused = run("evaluate", "diagnosis", *sides)
    assert isinstance(refused.exception, DataError)
    assert "- 'ISIC_0000007' has no prediction" in refused.stdout
    told = json.loads(run("evaluate", "diagnosis", *sides, "--json").stdout)
    assert told["problems"][-1] == "'ISIC_0000099' has no truth"
    result = run("evaluate", "diagnosis", *sides, "--subset")
    assert "left out: 1; predictions without a truth ignored: 1" in result.output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--gallery", "page.html", "--images", "i"], "--gallery, --images"),
        (["--cases", 3], "--cases"),
        (["--workers", 2], "--workers"),
    ],
)
def test_options_of_another_task_are_refused_in_one_line(run, sides, options, named):
    result = run("evaluate", "diagnosis", *sides, *options)
    assert isinstance(result.exception, UsageError)
    text = str(result.exception)
    assert text.startswith(f"nevus evaluate diagnosis has no use for {named} (it takes --truth")
    assert "--json" in text
    assert "--page" in text
    assert "\n" not in text


def test_sensitivity_out_of_range_is_refused(run, sides):
    assert run("evaluate", "diagnosis", *sides, "--sensitivity", 1.5).exit_code == 2


def test_every_task_takes_only_options_the_verbs_have():
    for verb, functions in ((evaluate, EVALUATORS), (submit, SUBMITTERS)):
        offered = inspect.signature(verb).parameters.keys()
        for task, function in functions.items():
            assert task in TASKS
            assert inspect.signature(function).parameters.keys() <= offered
        taken = {name for one in functions.values() for name in inspect.signature(one).parameters}
        assert taken | {"task"} == set(offered)


def test_submit_writes_a_csv(run, sides, tmp_path):
    out = tmp_path / "out.csv"
    ids = tmp_path / "ids.txt"
    ids.write_text("".join(f"ISIC_{number:07d}\n" for number in range(14)))
    result = run("submit", "diagnosis", *sides[2:], "--out", out, "--truth-ids", ids)
    assert result.exit_code == 0, result.output
    assert "14 rows, sha256 " in result.stdout
    ids.write_text("ISIC_0000077\n")
    result = run("submit", "diagnosis", *sides[2:], "--out", out, "--truth-ids", ids)
    assert isinstance(result.exception, SubmissionError)
    assert "- 'ISIC_0000077' is missing" in result.stdout


def test_help_has_an_example(run):
    for verb in ("evaluate", "submit"):
        assert f"nevus {verb} diagnosis" in " ".join(run(verb, "--help").output.split())
