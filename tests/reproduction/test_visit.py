"""Visits on drawn photographs: what is trained once, stopped, resumed, repeated by command."""

import json
import os
import shlex
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from nevus.cli.app import app
from nevus.errors import DataError, InterruptedRunError, RunLockedError, UsageError
from nevus.models.tensorfile import read_tensors
from nevus.reproduction.findings import Findings, collect_findings
from nevus.reproduction.jobs import Job, make_jobs
from nevus.reproduction.pages import BEGIN, END, write_report
from nevus.reproduction.plan import count_steps, find_missing, make_plan
from nevus.reproduction.results import read_arrays, read_result
from nevus.reproduction.rows import TABLES, read_table
from nevus.reproduction.speed import SpeedBook, read_visits
from nevus.reproduction.trainings import Asked, Place
from nevus.reproduction.visit import Visit, Watch
from nevus.training.journal import SilentReporter

SPECS = {name: read_table(name) for name in TABLES}
ROWS = [
    "table1:segan", "table1:pixel", "table1:segan-narrow-crf", "table2:start",
    "table3:triplets", "table3:gallery-20", "table3:leaking",
]  # fmt: skip
METRICS = {
    "segmentation": "threshold_jaccard",
    "attributes": "pooled_jaccard",
    "diagnosis": "balanced_accuracy",
}


def jobs_of(data: Path, rows: list[str], asked: Asked | None = None) -> list[Job]:
    return make_jobs(SPECS, TABLES, asked or Asked("tiny"), data, rows=rows)


@pytest.fixture(scope="module")
def place(isic: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A reproduction in which the rows above are done."""
    place = Place(isic / "isic2018", tmp_path_factory.mktemp("reproduction"))
    visited = Visit(place, "cpu").run(jobs_of(place.data, ROWS))
    assert visited.failed == []
    assert (len(visited.done), visited.missing) == (2 * len(ROWS), 0)
    return place


@pytest.fixture(scope="module")
def findings(place: Place) -> Findings:
    return collect_findings(place.out, SPECS, "tiny", 2)


def test_nothing_is_done_twice(place: Place) -> None:
    names = [visit["name"] for visit in read_visits(place.out) if "train" in visit["kind"]]
    assert len(names) == len(set(names)) == 12
    visited = Visit(place, "cpu").run(jobs_of(place.data, ROWS))
    assert visited.done == []
    assert find_missing(jobs_of(place.data, ROWS), place) == []


def test_every_photograph_is_scored_once(findings: Findings) -> None:
    for row, photographs in (("segan", 16), ("pixel", 16), ("segan-narrow-crf", 16)):
        assert findings.rows["table1", row].pooled.n == photographs
    assert findings.rows["table2", "start"].pooled.n == 16
    for row in ("triplets", "gallery-20", "leaking"):
        assert findings.rows["table3", row].pooled.n == 48
    assert findings.rows["table1", "deeplab"].pooled is None


def test_results_say_where_they_come_from(place: Place) -> None:
    job = jobs_of(place.data, ["table2:start"])[0]
    result = read_result(job.result(place.out))
    assert result is not None
    assert result.machine["nevus"]
    assert result.machine["threads"] >= 1
    start, own = result.trainings
    assert own["start"] == start["name"]
    assert (own["steps"], own["seed"]) == (1, 0)
    assert own["training_photographs"] + own["validation_photographs"] == 8
    assert own["curve"]["step"] == [1]
    assert result.hours["training"] > 0
    stored = job.result(place.out).read_text(encoding="utf-8")
    assert str(place.data) not in stored
    assert str(place.out) not in stored


def test_the_encoder_came_from_task_1(place: Place) -> None:
    training = jobs_of(place.data, ["table2:start"])[0].trainings[0]
    manifest = json.loads((place.run(training) / "run.json").read_text(encoding="utf-8"))
    assert training.start is not None
    given = manifest["recipe"]["attributes"]["start_from"]
    assert Path(given) == place.checkpoint(training.start)


def test_no_scored_photograph_fits_a_threshold(place: Place) -> None:
    for job in jobs_of(place.data, ["table2:start"]):
        folder = place.split(job.trainings[0])
        own = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        scored = json.loads((folder / "scored.json").read_text(encoding="utf-8"))
        used = set(own["training"]) | set(own["validation"])
        assert not set(own["training"]) & set(own["validation"])
        assert not used & set(scored["validation"])
        assert used == set(scored["training"])


def test_the_leaking_split_leaks_and_the_other_does_not(place: Place) -> None:
    for name, leaks in (("table3:leaking", True), ("table3:triplets", False)):
        training = jobs_of(place.data, [name])[0].trainings[0]
        split = json.loads((place.run(training) / "split.json").read_text(encoding="utf-8"))
        sides = [{int(i[5:]) // 2 for i in split[side]} for side in ("training", "validation")]
        assert bool(sides[0] & sides[1]) == leaks


def run_line(line: str) -> str:
    if not line.startswith("nevus "):
        subprocess.run(["sh", "-c", line], check=True)
        return ""
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, (line, result.output, result.exception)
    return result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="commands are printed for a POSIX shell")
@pytest.mark.parametrize(
    ("table", "row"), [("table2", "start"), ("table3", "gallery-20"), ("table3", "leaking")]
)
def test_the_printed_command_gives_the_printed_number(
    table: str, row: str, findings: Findings, isic: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "isic2018").symlink_to(isic / "isic2018")
    monkeypatch.chdir(tmp_path)
    found = findings.rows[table, row]
    lines = found.command.split(" &&\n")
    assert all(line.startswith(("nevus ", "rm ", "mkdir ", "{ cat ")) for line in lines)
    printed = [run_line(line) for line in lines][-1]
    scores = json.loads(printed[printed.index("{") :])
    assert scores["n"] == found.pooled.n
    assert scores[METRICS[SPECS[table].task]] == found.pooled.value


@pytest.mark.skipif(sys.platform == "win32", reason="commands are printed for a POSIX shell")
def test_a_shell_runs_the_printed_command(findings: Findings, isic: Path, tmp_path: Path) -> None:
    (tmp_path / "isic2018").symlink_to(isic / "isic2018")
    found = findings.rows["table1", "segan-narrow-crf"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["sh", "-c", found.command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout[done.stdout.index("\n{") :])
    assert (scores["n"], scores["threshold_jaccard"]) == (16, found.pooled.value)
    own = dict(zip(found.arrays["image_ids"].tolist(), found.arrays["jaccard"], strict=True))
    assert {key: row["jaccard"] for key, row in scores["per_image"].items()} == own


class Killer(SilentReporter):
    """Sends this process a signal after a step."""

    def __init__(self, number: int) -> None:
        self.number = number

    def stepped(self, step: int, terms: Mapping[str, float]) -> None:
        if step == 1:
            os.kill(os.getpid(), self.number)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_stopped_visit_goes_on_to_the_same_bits(place: Place, tmp_path: Path) -> None:
    job = jobs_of(place.data, ["table1:segan"])[:1]
    other = Place(place.data, tmp_path)
    with pytest.raises(InterruptedRunError) as stopped:
        Visit(other, "cpu", watch=Watch(Killer(signal.SIGTERM))).run(job)
    assert stopped.value.exit_code == 143
    assert "the same command goes on" in str(stopped.value)
    assert [visit["count"] for visit in read_visits(tmp_path)] == [1]
    visited = Visit(other, "cpu").run(job)
    assert visited.done == ["table1 segan fold 0/2"]
    training = job[0].trainings[0]
    once, _ = read_tensors(place.checkpoint(training))
    twice, _ = read_tensors(other.checkpoint(training))
    assert all((once[name] == twice[name]).all() for name in once)
    results = [read_result(job[0].result(one.out)) for one in (place, other)]
    assert results[0].value == results[1].value
    assert [result.trainings[0]["sittings"] for result in results] == [1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_signal_stops_a_prediction(place: Place) -> None:
    job = jobs_of(place.data, ["table1:segan-crf"])[:1]
    watch = Watch(progress=lambda done, _total: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(InterruptedRunError) as stopped:
        Visit(place, "cpu", watch=watch).run(job)
    assert stopped.value.exit_code == 130
    assert not job[0].is_done(place.out)


def test_no_time_no_work(place: Place, tmp_path: Path) -> None:
    jobs = jobs_of(place.data, ["table1:segan"])
    notes: list[str] = []
    watch = Watch(note=notes.append)
    visited = Visit(Place(place.data, tmp_path), "cpu", max_minutes=0, watch=watch).run(jobs)
    assert (visited.done, visited.missing) == ([], 2)
    assert notes == ["time is up; the same command goes on"]


def test_a_second_process_is_refused(place: Place) -> None:
    with FileLock(place.lock), pytest.raises(RunLockedError, match="at work"):
        Visit(place, "cpu").run(jobs_of(place.data, ROWS))


def test_a_row_that_fails_keeps_back_no_other(place: Place, tmp_path: Path) -> None:
    asked = Asked("tiny", changes=("test_resnet:network.encoder=absent_network",))
    jobs = jobs_of(place.data, ["table1:segan", "table3:triplets"], asked)
    visited = Visit(Place(place.data, tmp_path), "cpu").run(jobs[:2])
    assert visited.done == ["table3 triplets fold 0/2"]
    [(name, text)] = visited.failed
    assert name == "table1 segan fold 0/2"
    assert "absent_network" in text


def test_a_changed_row_is_missing_again(place: Place) -> None:
    asked = Asked("tiny", changes=("optimizer.lr=0.01",))
    jobs = jobs_of(place.data, ["table1:segan"], asked)
    assert len(find_missing(jobs, place)) == 2


def test_plan(place: Place) -> None:
    book = SpeedBook(place, Visit(place, "cpu").device)
    sizes = {"segmentation": 16, "attributes": 16, "diagnosis": 48}
    rows = ["table1:segan-crf", "table1:ensemble", "table2:start", "table3:semi-hard"]
    planned = make_plan(jobs_of(place.data, rows), place, book, sizes)
    names = [(one.job.row.name, len(one.trainings)) for one in planned]
    # What only needs predicting comes first; of six members one is trained.
    assert names[:2] == [("segan-crf", 0), ("segan-crf", 0)]
    assert sorted(names[2:]) == [("ensemble", 5), ("ensemble", 5), ("semi-hard", 1),
                                 ("semi-hard", 1)]  # fmt: skip
    assert all(one.minutes is not None and one.minutes > 0 for one in planned)


def test_steps_are_those_of_the_trainer(place: Place) -> None:
    for name, photographs in (("table1:segan", 16), ("table2:start", 16), ("table3:triplets", 48)):
        job = jobs_of(place.data, [name])[0]
        training = job.trainings[0]
        done = json.loads((place.run(training) / "finished.json").read_text(encoding="utf-8"))
        assert count_steps(training, photographs) == done["steps"]


def test_earlier_visits_tell_the_speed(place: Place, tmp_path: Path) -> None:
    training = jobs_of(place.data, ["table1:segan"])[0].trainings[0]
    other = Place(place.data, tmp_path)
    device = Visit(other, "cpu").device
    assert SpeedBook(other, device, measure=False).train_seconds(training) is None
    book = SpeedBook(place, device, measure=False)
    own = [v for v in read_visits(place.out) if v["kind"] == f"train {training.shape}"]
    expected = sum(v["seconds"] for v in own) / sum(v["count"] for v in own)
    assert book.train_seconds(training) == pytest.approx(expected)
    measured = SpeedBook(other, device).train_seconds(training)
    assert measured is not None
    assert SpeedBook(other, device, measure=False).train_seconds(training) == measured


def test_report(findings: Findings, tmp_path: Path) -> None:
    page = tmp_path / "reproduce.md"
    page.write_text(f"# Mine\n\n{BEGIN}\nold\n{END}\n\nAlso mine.\n", encoding="utf-8")
    write_report(tmp_path, [findings])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Mine\n")
    assert text.endswith("\nAlso mine.\n")
    assert "\nold\n" not in text
    assert "| DeepLabV3+, from scratch, cross-entropy | .77 | not run |" in text
    assert "nevus train segan-tiny --data isic2018 --out reproduced/runs/" in text
    document = json.loads((tmp_path / "results/reproduce-tiny.json").read_text(encoding="utf-8"))
    row = document["tables"]["table1"]["rows"]["segan"]
    assert row["run"]
    assert row["value"] == findings.rows["table1", "segan"].pooled.value
    assert document["tables"]["table1"]["rows"]["deeplab"]["run"] is False
    verdicts = {name: claim["verdict"] for name, claim in document["claims"].items()}
    assert verdicts["table1:adversarial"] in ("supported", "not supported", "undecided")
    assert verdicts["table1:ensemble"] == "not run"
    for picture in (tmp_path / "results").glob("*.svg"):
        assert ElementTree.parse(picture).getroot().tag.endswith("svg")
        assert f"results/{picture.name}" in text
    assert (tmp_path / "results/reproduce-tiny-table1-adversarial-scatter.svg").is_file()
    write_report(tmp_path, [findings])
    assert page.read_text(encoding="utf-8") == text


def test_photographs_of_a_table(findings: Findings, tmp_path: Path) -> None:
    write_report(tmp_path, [findings])
    path = tmp_path / "results/reproduce-tiny-table3-photographs.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    assert len(document["image_ids"]) == 48
    assert set(document["rows"]) == {"triplets", "gallery-20", "leaking"}
    assert all(label in range(-1, 7) for label in document["rows"]["triplets"])
    assert (tmp_path / "reproduce.md").read_text(encoding="utf-8").count(BEGIN) == 1


def test_half_a_marker_is_refused(findings: Findings, tmp_path: Path) -> None:
    (tmp_path / "reproduce.md").write_text(f"{BEGIN}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="one marker"):
        write_report(tmp_path, [findings])
    with pytest.raises(UsageError, match="no folder"):
        write_report(tmp_path / "absent", [findings])


def test_damaged_results_are_said_to_be(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "fold-0-of-2.json"
    assert read_result(path) is None
    for text in ("{", "[]", '{"fold": [0, 2]}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="no result of a row"):
            read_result(path)
    whole = jobs_of(place.data, ["table1:segan"])[0].result(place.out).with_suffix(".npz")
    data = bytearray(whole.read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "fold-0-of-2.npz").write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        read_arrays(path)


def test_a_smaller_gallery_is_part_of_the_greater(place: Place) -> None:
    training = jobs_of(place.data, ["table3:gallery-20"])[0].trainings[0]
    whole, _ = read_tensors(place.checkpoint(training))
    small, _ = read_tensors(place.gallery(training, 20))
    assert np.array_equal(whole["@gallery.labels"], small["@gallery.labels"])
