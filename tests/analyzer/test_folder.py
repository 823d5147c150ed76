"""Folders: one bad file costs one row, an interrupted call goes on, nothing is done twice."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nevus.analyzer.folder import analyze_folder
from nevus.analyzer.naming import find_inputs
from nevus.analyzer.options import MANY, Options, choose_workers
from nevus.analyzer.outputs import Wanted
from nevus.analyzer.tables import write_pages, write_tables
from nevus.errors import UsageError
from nevus.imaging.masks import read_scored

BAD = {"cut.jpg", "empty.png", "words.jpg"}


@pytest.fixture
def options(plain_models: Path) -> Options:
    return Options(models=plain_models, wanted=Wanted(overlay=True, sheet=120))


def run(photos: Path, out: Path, options: Options, **more):
    outcome = analyze_folder(find_inputs([photos]), out, options, workers=0, threads=1, **more)
    write_tables(outcome, table=True)
    write_pages(outcome, "t")
    return outcome


def contents(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_files_of_a_call(photos: Path, tmp_path: Path, options: Options) -> None:
    out = tmp_path / "out"
    outcome = run(photos, out, options)
    assert {failure.path.name for failure in outcome.failures} == BAD
    assert outcome.kept == 0
    stems = {one.name: one.stem for one in outcome.inputs}
    assert stems["b.png"] == "b"
    assert stems["a.png"] != stems["a.jpg"]
    answer = json.loads((out / "b.json").read_text(encoding="utf-8"))
    assert answer["segmentation"]["file"] == "b_segmentation.png"
    mask = read_scored(out / "b_segmentation.png")
    assert mask.shape == (90, 120)
    assert mask.mean() == pytest.approx(answer["segmentation"]["area_share"])
    assert (out / answer["attributes"]["streaks"]["file"]).is_file()
    assert (out / "b_overlay.png").is_file()
    rows = (out / "errors.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "file,code,text"
    assert [row.split(",")[1] for row in rows[1:]] == ["truncated", "empty", "not_an_image"]
    assert rows[1].endswith("cut.jpg: the file is cut off: its picture is incomplete")
    table = (out / "analysis.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 5
    assert "cut.jpg" in (out / "report.html").read_text(encoding="utf-8")
    assert not list(out.rglob(".partial-*"))


def test_good_ones_are_as_without_the_bad(photos: Path, tmp_path: Path, options: Options) -> None:
    run(photos, tmp_path / "with", options)
    for name in BAD:
        (photos / name).unlink()
    run(photos, tmp_path / "without", options)
    assert not (tmp_path / "without" / "errors.csv").exists()
    one, other = contents(tmp_path / "with"), contents(tmp_path / "without")
    del one["errors.csv"], one["report.html"], other["report.html"]
    # The names that nevus may write under, of good and bad ones.
    del one[".nevus/claimed.jsonl"], other[".nevus/claimed.jsonl"]
    assert one == other


def test_what_is_done_is_kept(
    photos: Path, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nevus.analyzer.analyzer import Analyzer

    out, names = tmp_path / "out", []
    plain = Analyzer.analyze

    def stop_after_two(self, source, *, name=None, mm_per_pixel=None):
        if len(names) == 2:
            raise KeyboardInterrupt
        found = plain(self, source, name=name, mm_per_pixel=mm_per_pixel)
        names.append(name)
        return found

    monkeypatch.setattr(Analyzer, "analyze", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        run(photos, out, options)
    # A call that was killed leaves half a line.
    with (out / ".nevus" / "done.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"stem": "c", "na')
    monkeypatch.setattr(Analyzer, "analyze", plain)
    # Order of the inputs is by path: the first two were a.png and b.png.
    assert names == ["a.png", "b.png"]
    assert run(photos, out, options).kept == 2
    assert run(photos, out, options).kept == 4
    run(photos, tmp_path / "whole", options)
    one, other = contents(out), contents(tmp_path / "whole")
    assert one.pop(".nevus/done.jsonl") != other.pop(".nevus/done.jsonl")
    assert one == other


def test_changes_are_done_again(photos: Path, tmp_path: Path, options: Options) -> None:
    out, said = tmp_path / "out", []
    run(photos, out, options, changed=said.append)
    assert said == []
    (out / "b_overlay.png").unlink()
    assert run(photos, out, options, changed=said.append).kept == 3
    (photos / "c.png").write_bytes((photos / "b.png").read_bytes())
    assert run(photos, out, options, changed=said.append).kept == 3
    assert said == []
    other = replace(options, coverage=0.5)
    assert run(photos, out, other, changed=said.append).kept == 0
    assert said == [["coverage 0.9 -> 0.5"]]
    assert run(photos, out, other, fresh=True, changed=said.append).kept == 0
    assert len(said) == 1


def test_processes_give_the_same(photos: Path, tmp_path: Path, options: Options) -> None:
    run(photos, tmp_path / "one", options)
    inputs = find_inputs([photos])
    outcome = analyze_folder(inputs, tmp_path / "two", options, workers=2)
    write_tables(outcome, table=True)
    write_pages(outcome, "t")
    one, other = contents(tmp_path / "one"), contents(tmp_path / "two")
    del one[".nevus/done.jsonl"], other[".nevus/done.jsonl"]
    assert one == other


def test_many_photographs_many_pages(
    photos: Path, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nevus.analyzer import tables

    monkeypatch.setattr(tables, "PER_PAGE", 2)
    out = tmp_path / "out"
    outcome = run(photos, out, options)
    first, second = ((out / name).read_text("utf-8") for name in ("report.html", "report-2.html"))
    assert 'href="report-2.html"' in first
    assert 'aria-current="page">2<' in second
    assert "cut.jpg" in first
    assert "cut.jpg" not in second
    monkeypatch.setattr(tables, "PER_PAGE", 200)
    write_pages(outcome, "t")
    assert not (out / "report-2.html").exists()


def test_a_vanished_photograph_is_a_row(photos: Path, tmp_path: Path, options: Options) -> None:
    inputs = find_inputs([photos / "a.png", photos / "b.png"])
    (photos / "a.png").unlink()
    outcome = analyze_folder(inputs, tmp_path / "out", options, workers=0, threads=1)
    assert [failure.code for failure in outcome.failures] == ["missing"]


def test_files_of_others_are_not_replaced(photos: Path, options: Options) -> None:
    """A description beside each photograph is how many archives are laid out."""
    (photos / "b.json").write_text('{"patient": 7}', encoding="utf-8")
    (photos / "errors.csv").write_text("mine", encoding="utf-8")
    before = contents(photos)
    with pytest.raises(UsageError, match=r"would replace: errors.csv, b.json \(name another --out"):
        run(photos, photos, options)
    assert contents(photos) == before
    (photos / "b.json").unlink()
    (photos / "errors.csv").unlink()
    run(photos, photos, options)
    # What comes later is no more nevus's than what was there before.
    (photos / "d.png").write_bytes((photos / "b.png").read_bytes())
    (photos / "d_segmentation.png").write_bytes(b"drawn by hand")
    with pytest.raises(UsageError, match=r"d_segmentation\.png"):
        run(photos, photos, options)
    (photos / "d_segmentation.png").unlink()
    assert run(photos, photos, options).kept == 4


def test_a_killed_call_may_replace_what_it_left(
    photos: Path, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nevus.analyzer import outputs

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outputs, "make_sheet", killed)
        with pytest.raises(KeyboardInterrupt):
            run(photos, tmp_path / "out", options)
    assert list((tmp_path / "out").glob("*_segmentation.png"))
    assert run(photos, tmp_path / "out", options).failures


def test_nothing_is_left_of_what_a_photograph_was(
    photos: Path, tmp_path: Path, options: Options
) -> None:
    out = tmp_path / "out"
    run(photos, out, options)
    (photos / "b.png").write_bytes(b"no picture any more")
    run(photos, out, options)
    assert not [path for path in out.rglob("b*") if path.is_file()]
    assert "\nb," not in (out / "diagnosis.csv").read_text(encoding="utf-8")
    for path in photos.rglob("*.*"):
        path.write_bytes(b"nothing at all")
    run(photos, out, options)
    assert not (out / "diagnosis.csv").exists()


def test_no_file_shows_the_photograph_of_before(
    photos: Path, tmp_path: Path, options: Options
) -> None:
    out = tmp_path / "out"
    run(photos, out, options)
    (photos / "b.png").write_bytes((photos / "c.png").read_bytes())
    bare = replace(options, wanted=Wanted(masks=False, overlay=False, sheet=0))
    outcome = analyze_folder(find_inputs([photos]), out, bare, workers=0, threads=1)
    assert outcome.replaced == 1
    answer = json.loads((out / "b.json").read_text(encoding="utf-8"))
    assert answer["segmentation"]["file"] == "b_segmentation.png"
    for ending in ("segmentation.png", "attribute_globules.png", "overlay.png"):
        assert (out / f"b_{ending}").read_bytes() == (out / f"c_{ending}").read_bytes()
    # Its part of the report is gone, and made again where one is wanted.
    outcome = run(photos, out, options)
    assert (outcome.kept, outcome.replaced) == (3, 0)


def test_masks_of_networks_that_are_gone_go(
    photos: Path, tmp_path: Path, options: Options, plain_models: Path
) -> None:
    out, fewer = tmp_path / "out", tmp_path / "fewer"
    run(photos, out, options)
    shutil.copytree(plain_models, fewer, ignore=shutil.ignore_patterns("attributes*"))
    run(photos, out, replace(options, models=fewer))
    assert list(out.glob("*_segmentation.png"))
    assert not list(out.glob("*_attribute_*.png"))


def test_answers_tell_whose_they_are(photos: Path, tmp_path: Path, options: Options) -> None:
    """What a call needs to go on may be deleted, or left behind by a copy without dot files."""
    run(photos, tmp_path / "out", options)
    shutil.rmtree(tmp_path / "out" / ".nevus")
    assert run(photos, tmp_path / "out", options).kept == 0
    assert run(photos, tmp_path / "out", options).kept == 4


def test_a_damaged_part_of_the_report_is_made_again(
    photos: Path, tmp_path: Path, options: Options
) -> None:
    out = tmp_path / "out"
    run(photos, out, options)
    (out / ".nevus" / "sheets" / "b.json").write_text('{"half', encoding="utf-8")
    assert run(photos, out, options).kept == 3
    assert run(photos, out, options).kept == 4


def test_pictures_of_similar_cases(photos: Path, tmp_path: Path, options: Options) -> None:
    book = tmp_path / "book" / "deep"
    book.mkdir(parents=True)
    for index in range(14):
        (book / f"ISIC_{index:07d}.png").write_bytes((photos / "a.png").read_bytes())
    run(photos, tmp_path / "out", replace(options, photographs=tmp_path / "book"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert 'alt="Training photograph ISIC_' in page


def test_no_folder_can_be_made(photos: Path, options: Options) -> None:
    with pytest.raises(UsageError, match="cannot be made a folder"):
        run(photos, photos / "a.png" / "out", options)


def test_how_many_processes() -> None:
    assert choose_workers(1, None, None) == (0, 2)
    assert choose_workers(5, None, None) == (1, 2)
    processes, threads = choose_workers(10 * MANY, None, None)
    assert processes >= 1
    assert threads == (1 if processes > 1 else 2)
    assert choose_workers(100, 3, 4) == (3, 4)
    for wrong in ((1, -1, None), (1, 65, None), (1, None, 0)):
        with pytest.raises(UsageError):
            choose_workers(*wrong)
