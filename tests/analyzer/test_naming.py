"""Which photographs are meant, and names that never meet."""

import os
from pathlib import Path

import pytest

from nevus.analyzer.naming import clean_stem, find_inputs, name_inputs, tell_stem
from nevus.errors import UsageError


@pytest.mark.parametrize(
    ("stem", "shown"),
    [
        ("photo", "photo"),
        ("Muttermal größer", "Muttermal größer"),
        ("-rf", "_-rf"),
        ("=cmd()", "_=cmd()"),
        ("@SUM", "_@SUM"),
        (".hidden", "_.hidden"),
        ("two\nlines", "two[U+000A]lines"),
        ('a"b', "a[U+0022]b"),
        ("a:b?*", "a[U+003A]b[U+003F][U+002A]"),
        ("CON", "_CON"),
        ("lpt1.x", "_lpt1.x"),
        ("dot. ", "dot"),
    ],
)
def test_stems_are_names_everywhere(stem: str, shown: str) -> None:
    assert clean_stem(stem) == shown


def test_long_stems_stay_apart() -> None:
    one, other = clean_stem("ä" * 150 + "1"), clean_stem("ä" * 150 + "2")
    assert one != other
    assert len(f"{one}_attribute_negative_network.png".encode()) < 200


def test_alone_a_name_is_kept_shared_it_is_told_apart() -> None:
    paths = [Path("x/a.jpg"), Path("x/a.png"), Path("x/deep/A.png"), Path("x/b.png")]
    stems = [one.stem for one in name_inputs(paths)]
    assert len({stem.casefold() for stem in stems}) == 4
    assert stems[-1].startswith("A-") or "b" in stems
    again = [one.stem for one in name_inputs([Path("/else") / path for path in paths])]
    assert stems == again


def test_doubles_folders_and_patterns(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(find_inputs([photos, photos / "a.png"])) == 7
    assert [one.name for one in find_inputs([str(photos / "[ab].png")])] == ["a.png", "b.png"]
    assert len(find_inputs([str(photos / "**" / "a.*")])) == 2
    odd = photos / "[ab].png"
    odd.write_bytes((photos / "c.png").read_bytes())
    assert [one.name for one in find_inputs([str(odd)])] == ["[ab].png"]
    monkeypatch.chdir(photos)
    assert len(find_inputs(["a.png", "./a.png", photos / "a.png"])) == 1


def test_nothing_found(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no photographs"):
        find_inputs([tmp_path])
    with pytest.raises(UsageError, match="there is no"):
        find_inputs([tmp_path / "none.jpg"])
    with pytest.raises(UsageError, match="nothing matches"):
        find_inputs([str(tmp_path / "*.jpg")])


def test_own_pictures_are_no_photographs(photos: Path) -> None:
    (photos / "a.json").write_text("{}", encoding="utf-8")
    (photos / "a_overlay.png").write_bytes(b"x")
    (photos / "z_overlay.png").write_bytes(b"x")
    names = [one.name for one in find_inputs([photos])]
    assert "a_overlay.png" not in names
    assert "z_overlay.png" in names
    # Those of another call, in a folder below, neither.
    (photos / "results").mkdir()
    (photos / "results" / "a.json").write_text("{}", encoding="utf-8")
    (photos / "results" / "a_overlay.png").write_bytes(b"x")
    assert [one.name for one in find_inputs([photos])] == names


def test_one_name_spelt_in_two_ways_is_shared() -> None:
    composed, decomposed = "M\u00fcller.jpg", "Mu\u0308ller.jpg"
    inputs = name_inputs([Path("one") / composed, Path("two") / decomposed])
    stems = [one.stem for one in inputs]
    assert len(set(stems)) == 2
    assert all(stem.startswith("M\u00fcller-") for stem in stems)
    (alone,) = name_inputs([Path("two") / decomposed])
    assert alone.stem == "M\u00fcller"
    assert tell_stem(alone.name, alone.stem) == ""
    assert tell_stem(inputs[0].name, inputs[0].stem) == inputs[0].stem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_links_out_of_the_folder(photos: Path, tmp_path: Path) -> None:
    os.mkfifo(photos / "pipe.jpg")
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"x")
    (photos / "link.png").symlink_to(outside)
    names = [one.name for one in find_inputs([photos])]
    assert "pipe.jpg" not in names
    assert "link.png" not in names
    assert [one.name for one in find_inputs([photos / "pipe.jpg"])] == ["pipe.jpg"]
