"""Hostile and honest archives."""

import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from nevus.data.archives import unpack
from nevus.errors import ArchiveError

Entries = list[tuple[str | zipfile.ZipInfo, bytes]]


def write_zip(path: Path, entries: Entries) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def open_up(path: Path, *, max_entries: int = 100, max_bytes: int = 10**6) -> Path:
    folder = path.with_suffix("")
    unpack(path, folder, max_entries=max_entries, max_bytes=max_bytes)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def refuse(path: Path, *words: str, **limits: int) -> None:
    """Unpacking fails with these words, and nothing but the archive is there."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(ArchiveError) as caught:
        open_up(path, **limits)
    for word in words:
        assert word in str(caught.value)
    assert sorted(path.parent.iterdir()) == before
    assert not (path.parent.parent / "evil.txt").exists()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_damaged_lzma_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.png", bytes(range(256)) * 20)
    data = bytearray(path.read_bytes())
    data[60:100] = b"\xff" * 40
    path.write_bytes(data)
    refuse(path, "a.png", "cannot be read")


def test_files_come_out_with_their_content(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("a.png", b"1"), ("deep/b.png", b"22")])
    folder = open_up(path)
    assert contents(folder) == {"a.png": b"1", "deep/b.png": b"22"}
    assert sorted(tmp_path.iterdir()) == [folder, path]


@pytest.mark.skipif(os.name == "nt", reason="permissions are not POSIX")
def test_folder_is_readable_by_others(tmp_path: Path) -> None:
    folder = open_up(write_zip(tmp_path / "set.zip", [("a.png", b"1")]))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_top_folder_of_the_same_name_is_not_doubled(tmp_path: Path) -> None:
    entries: Entries = [("set/", b""), ("set/a.png", b"1"), ("__MACOSX/._a.png", b"junk")]
    assert contents(open_up(write_zip(tmp_path / "set.zip", entries))) == {"a.png": b"1"}


def test_top_folder_of_another_name_stays(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("other/a.png", b"1")])
    assert contents(open_up(path)) == {"other/a.png": b"1"}


def test_highly_compressed_masks_are_honest(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("mask.png", bytes(900_000))])
    assert path.stat().st_size < 2000
    assert len(contents(open_up(path))["mask.png"]) == 900_000


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.txt", "leads out"),
        ("good/../../evil.txt", "leads out"),
        ("..", "leads out"),
        ("/evil.txt", "absolute"),
        ("//server/evil.txt", "absolute"),
        ("C:/evil.txt", "drive letter"),
        ("c:evil.txt", "drive letter"),
        ("good.txt:stream", "colon"),
        ("..\\evil.txt", "backslash"),
        ("\\\\server\\evil.txt", "backslash"),
        ("good/./evil.txt", "ambiguous"),
        ("good//evil.txt", "ambiguous"),
        ("evil.txt.", "ambiguous"),
        ("evil /a.txt", "ambiguous"),
        ("evil\n.txt", "control character"),
        ("sub/NUL.txt", "Windows device"),
        ("com1", "Windows device"),
    ],
)
def test_hostile_names_are_refused(tmp_path: Path, name: str, reason: str) -> None:
    info = zipfile.ZipInfo("good.txt")
    info.filename = name
    inner = tmp_path / "inner"
    inner.mkdir()
    path = write_zip(inner / "set.zip", [("first.txt", b"fine"), (info, b"evil")])
    refuse(path, reason, repr(name))


def test_name_cut_by_a_zero_byte_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("good.txtX.exe", b"evil")])
    path.write_bytes(path.read_bytes().replace(b"good.txtX.exe", b"good.txt\0.exe"))
    refuse(path, "control character")


def test_symbolic_link_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [(link("way_out"), b"/etc"), ("way_out/a", b"1")])
    refuse(path, "symbolic link", "'way_out'")


def test_device_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("pipe")
    info.external_attr = (stat.S_IFIFO | 0o666) << 16
    refuse(write_zip(tmp_path / "set.zip", [(info, b"")]), "neither file nor folder")


@pytest.mark.parametrize(
    "names", [("A.png", "a.png"), ("a.png", "a.png"), ("é.png", "e\u0301.png"), ("ß.x", "SS.x")]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_names_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    path = write_zip(tmp_path / "set.zip", [(name, b"1") for name in names])
    refuse(path, "twice")


def test_file_used_as_folder_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("A", b"1"), ("a/b.png", b"2")])
    refuse(path, "below another entry", "'a/b.png'")


def test_encrypted_entry_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("a.png", b"1")])
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)
    refuse(path, "encrypted", "'a.png'")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [(f"{n}.png", b"") for n in range(11)])
    refuse(path, "11 entries", "at most 10", max_entries=10)
    assert len(contents(open_up(path, max_entries=11))) == 11


def test_too_many_claimed_bytes_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("a", bytes(600)), ("b", bytes(600))])
    refuse(path, "1,200 bytes", "at most 1,199", max_bytes=1199)
    open_up(path, max_bytes=1200)


def test_lie_about_the_size_does_not_get_through(tmp_path: Path) -> None:
    """The archive claims 10 bytes for an entry of a million."""
    path = write_zip(tmp_path / "set.zip", [("a.png", bytes(10**6))])
    data = path.read_bytes().replace(struct.pack("<L", 10**6), struct.pack("<L", 10))
    path.write_bytes(data)
    refuse(path, "'a.png'", "cannot be read", max_bytes=1000)


def test_what_comes_out_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if zipfile would hand out more than the archive claims."""
    path = write_zip(tmp_path / "set.zip", [("a.png", bytes(10**6))])
    honest = zipfile.ZipFile.infolist

    def lie(self: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        infos = honest(self)
        monkeypatch.setattr("nevus.data.archives.sum", lambda _sizes: 10, raising=False)
        return infos

    monkeypatch.setattr(zipfile.ZipFile, "infolist", lie)
    refuse(path, "at most 1,000", max_bytes=1000)


def test_damaged_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("fine.png", b"fine")
        archive.writestr("a.png", b"UNDAMAGED")
    path.write_bytes(path.read_bytes().replace(b"UNDAMAGED", b"DAMAGED!!"))
    refuse(path, "'a.png'", "cannot be read")


def test_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("a.png", os.urandom(1000))])
    path.write_bytes(path.read_bytes()[:500])
    refuse(path, "no readable zip")
    path.write_bytes(b"")
    refuse(path, "no readable zip")


def test_unknown_compression_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("a.png", b"1")])
    data = bytearray(path.read_bytes())
    for place, offset in ((data.index(b"PK\x01\x02"), 10), (0, 8)):
        data[place + offset] = 99
    path.write_bytes(data)
    refuse(path, "'a.png'", "cannot be read")


def test_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", [("a.png", b"1")])
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine", encoding="utf-8")
    refuse(path, "there already")
    assert contents(tmp_path / "set") == {"mine.txt": b"mine"}


def test_missing_archive_is_an_archive_error(tmp_path: Path) -> None:
    refuse(tmp_path / "none.zip", "none.zip")
