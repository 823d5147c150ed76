"""`nevus analyze` as users type it."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nevus.analysis.results import read_analysis
from nevus.cli.app import main
from nevus.data.phantoms import draw_phantom
from nevus.labels import ATTRIBUTES, DIAGNOSES, NOTICE


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, name in enumerate(("a.png", "=cmd().png", "Muttermal ä.png")):
        pixels = draw_phantom(index + 1, 3, size=(90, 120)).pixels
        Image.fromarray(pixels).save(folder / name)
    return folder


def run(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    arguments = ["nevus", "analyze", *map(str, words)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as left:
            main()
    out, err = capfd.readouterr()
    return int(left.value.code or 0), out, err


def test_one_photograph_no_options(
    photos: Path, plain_models: Path, tmp_path: Path, capfd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capfd, photos / "a.png", "--models", plain_models)
    assert code == 0
    assert err.count(NOTICE) == 1
    for words in ("cannot be ruled out at 90 % coverage", "The lesion covers", "Similar training"):
        assert words in out
    assert "nevus-results" in out
    results = tmp_path / "nevus-results"
    assert read_analysis((results / "a.json").read_bytes()).image == "a.png"
    masks = {f"a_attribute_{name}.png" for name in ATTRIBUTES} | {"a_segmentation.png"}
    visible = {path.name for path in results.iterdir()} - {".nevus"}
    assert visible == masks | {"a.json", "report.html", "diagnosis.csv"}


def test_a_folder_with_bad_files(photos: Path, plain_models: Path, tmp_path: Path, capfd) -> None:
    (photos / "bad.jpg").write_bytes(b"GIF89a")
    out = tmp_path / "out"
    more = ("--models", plain_models, "--out", out, "--workers", "0", "--csv", "--overlay")
    code, shown, err = run(capfd, photos, *more)
    assert code == 3
    assert err.splitlines()[-1].startswith("nevus: 1 of 4 photographs failed, first: bad.jpg: ")
    assert "3 analysed" in shown
    rows = list(csv.reader((out / "errors.csv").read_text(encoding="utf-8").splitlines()))
    assert [row[:2] for row in rows] == [["file", "code"], ["bad.jpg", "wrong_format"]]
    text = (out / "diagnosis.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "image," + ",".join(DIAGNOSES)
    for table in ("diagnosis.csv", "analysis.csv"):
        lines = list(csv.reader((out / table).read_text(encoding="utf-8").splitlines()))
        assert all(not cell.startswith(("=", "@", "+")) for line in lines for cell in line)
    assert {"a_overlay.png", "_=cmd()_overlay.png"} <= {path.name for path in out.iterdir()}
    code, shown, err = run(capfd, photos, *more)
    assert "3 of them before" in shown
    code, shown, err = run(capfd, photos, *more, "--coverage", "0.8")
    assert "coverage 0.9 -> 0.8" in err
    assert "of them before" not in shown


def test_what_is_left_out_and_what_stays_is_said(
    photos: Path, plain_models: Path, tmp_path: Path, capfd
) -> None:
    (photos / "old.TIF").write_bytes(b"x")
    (photos / "new.webp").write_bytes(b"x")
    out = tmp_path / "out"
    more = ("--models", plain_models, "--out", out, "--workers", "0")
    code, _, err = run(capfd, photos, *more, "--csv", "--mm-per-pixel", "0.02")
    assert code == 0
    assert "pictures of other kinds left out: 1 .tif, 1 .webp" in err
    assert "earlier call" not in err
    assert "one scale" not in err
    (photos / "a.png").rename(photos / "b.png")
    pixels = draw_phantom(4, 3, size=(90, 140)).pixels
    Image.fromarray(pixels).save(photos / "deeper.png")
    (photos / "deeper").mkdir()
    (photos / "deeper.png").rename(photos / "deeper" / "b.png")
    code, shown, err = run(capfd, photos, *more, "--mm-per-pixel", "0.02")
    assert code == 0
    assert "also holds 1 answer of earlier calls" in err
    assert "analysis.csv is of an earlier call" in err
    assert "one scale for photographs of 2 sizes" in err
    # Two photographs of one name: the row says which files are whose.
    stems = sorted(path.stem for path in out.glob("b-*.json"))
    assert len(stems) == 2
    page = (out / "report.html").read_text(encoding="utf-8")
    for stem in stems:
        assert f"b.png ({stem})" in shown
        assert f"called {stem}." in page


def test_json_on_stdout(photos: Path, plain_models: Path, tmp_path: Path, capfd) -> None:
    more = ("--json", "--no-report", "--no-masks", "--workers", "0", "--mm-per-pixel", "0.1")
    code, shown, _ = run(capfd, photos, "--models", plain_models, "--out", tmp_path / "o", *more)
    assert code == 0
    answers = [json.loads(line) for line in shown.splitlines()]
    assert len(answers) == 3
    assert all(one["notice"] == NOTICE for one in answers)
    assert all(one["segmentation"]["file"] is None for one in answers)
    assert all(one["abcd"]["feret_mm"] for one in answers)
    assert not list((tmp_path / "o").glob("*.png"))
    assert not (tmp_path / "o" / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["none.jpg"], "there is no"),
        (["PHOTOS", "--coverage", "2"], "coverage is 2"),
        (["PHOTOS", "--mm-per-pixel", "-1"], "mm per pixel"),
        (["PHOTOS", "--mm-per-pixel", "1e308"], "mm per pixel"),
        (["PHOTOS", "--max-mib", "inf"], "'--max-mib'"),
        (["PHOTOS", "--max-megapixels", "nan"], "'--max-megapixels'"),
        (["PHOTOS", "--photographs", "nowhere"], "there is no folder"),
        (["PHOTOS", "--models", "nowhere"], "no folder of models"),
        ([], "PHOTO"),
    ],
)
def test_wrong_use_is_one_line(
    words: list[str], text: str, photos: Path, tmp_path: Path, capfd,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, shown, err = run(capfd, *(str(photos) if word == "PHOTOS" else word for word in words))
    assert code == 2
    last = err.splitlines()[-1]
    assert last.startswith("nevus: ")
    assert text in last
    assert shown == ""
    assert not (tmp_path / "nevus-results").exists()


def test_no_metadata_anywhere(photos: Path, plain_models: Path, tmp_path: Path, capfd) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "CANARY", 3
    exif.get_ifd(0x8825)[1] = "CANARY"
    texts = PngInfo()
    texts.add_text("CANARY", "CANARY")
    texts.add_itxt("CANARY", "CANARY" * 99, zip=True)
    profile = b"CANARY" * 50
    with Image.open(photos / "a.png") as image:
        more = {"exif": exif, "icc_profile": profile}
        image.save(photos / "g.png", pnginfo=texts, **more)
        image.save(photos / "e.jpg", comment=b"CANARY", xmp=b"CANARY", quality=95, **more)
    with (photos / "e.jpg").open("ab") as file:
        file.write(b"CANARY")
    secret = photos / "Jane Doe CANARY"
    secret.mkdir()
    (photos / "a.png").rename(secret / "f.png")
    out = tmp_path / "out"
    code, shown, err = run(
        capfd,
        photos,
        "--models",
        plain_models,
        "--out",
        out,
        "--workers",
        "0",
        "--overlay",
        "--csv",
        "--evidence",
    )
    assert code == 0
    assert len(list(out.glob("*.json"))) == 5
    for path in out.rglob("*"):
        if path.is_file():
            assert b"CANARY" not in path.read_bytes()
            assert "CANARY" not in str(path.relative_to(out))
    assert "CANARY" not in shown + err


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_pipes_of_other_encodings(
    photos: Path, plain_models: Path, tmp_path: Path, encoding: str
) -> None:
    words = ["analyze", photos / "Muttermal ä.png", "--models", plain_models]
    done = subprocess.run(
        [sys.executable, "-m", "nevus", *words, "--out", tmp_path / "out"],
        capture_output=True, timeout=120, env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"Report: " in done.stdout
    done.stdout.decode(encoding)


def test_a_deadly_photograph_costs_one_row(
    photos: Path, plain_models: Path, tmp_path: Path
) -> None:
    """The decoder is made to die on one file, in a process of its own."""
    script = tmp_path / "deadly.py"
    script.write_text(
        "import os, sys\n"
        "from nevus.analyzer import analyzer\n"
        "plain = analyzer.Analyzer.analyze\n"
        "def deadly(self, source, *, name=None, mm_per_pixel=None):\n"
        "    if name == 'a.png':\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return plain(self, source, name=name, mm_per_pixel=mm_per_pixel)\n"
        "analyzer.Analyzer.analyze = deadly\n"
        "if __name__ == '__main__':\n"
        "    from nevus.cli import main\n"
        "    main()\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, script, "analyze", photos, "--models", plain_models, "--out", out],
        capture_output=True, text=True, timeout=120, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    rows = list(csv.reader((out / "errors.csv").read_text(encoding="utf-8").splitlines()))
    assert [row[:2] for row in rows[1:]] == [["a.png", "crashed"]]
    assert len(list(out.glob("*_segmentation.png"))) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_in_the_middle_of_writing(
    photos: Path, plain_models: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """The disk is made slow in the process that writes, so that the signal comes meanwhile."""
    script = tmp_path / "slow.py"
    script.write_text(
        "import signal, time\n"
        "from nevus.imaging import files\n"
        "if __name__ == '__main__':\n"
        # A shell that runs the tests in the background has Ctrl-C ignored by all below it.
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    from nevus.cli import main\n"
        "    main()\n"
        "else:\n"
        "    files.os.fsync = lambda handle: time.sleep(60)\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    words = ["analyze", photos, "--models", plain_models, "--out", out]
    with subprocess.Popen(
        [sys.executable, script, *words], stderr=subprocess.PIPE, text=True
    ) as running:
        latest = time.monotonic() + 60
        while not list(out.glob(".partial-*")) and time.monotonic() < latest:
            time.sleep(0.02)
        running.send_signal(number)
        _, err = running.communicate(timeout=30)
    assert running.returncode == code
    assert err.splitlines()[-1].startswith(f"nevus: stopped; what is done is kept in {out}")
    assert not list(out.rglob(".partial-*"))
    assert not list(out.glob("*.json"))
