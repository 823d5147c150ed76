"""A folder of photographs, some of them bad, analysed in two goes: nothing lost, nothing twice.

    python benchmarks/interrupted.py --photographs FOLDER --count 1000 --bad 50 [--kill]

The first call is interrupted (Ctrl-C, or kill -9) when a third is done; the same command then goes
on. Said: exit codes, what stands in errors.csv, how many were analysed anew, and whether answers
equal those of a call of their own.
"""

import argparse
import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nevus.imaging.files import find_images


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000, help="bad ones among them")
    parser.add_argument("--bad", type=int, default=50)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--kill", action="store_true", help="kill -9 in place of Ctrl-C")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "photographs", Path(place) / "results"
        bad = lay_out(arguments.photographs, folder, arguments.count, arguments.bad)
        command = [sys.executable, "-m", "nevus", "analyze", str(folder), "--out", str(out)]
        if arguments.models:
            command += ["--models", str(arguments.models)]
        third = (arguments.count - arguments.bad) // 3
        code, done = interrupt(command, out, third, kill=arguments.kill)
        print(f"interrupted: exit code {code}, {done} answers in the folder")
        before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
        again = subprocess.run(command, check=False, capture_output=True, text=True)
        after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
        kept = sum(after.get(name) == written for name, written in before.items())
        with (out / "errors.csv").open(encoding="utf-8", newline="") as file:
            failed = {row["file"] for row in csv.DictReader(file)}
        print(f"again: exit code {again.returncode}, {len(after)} answers, {kept} of them kept")
        print(f"errors.csv: {len(failed)} files; exactly the bad ones: {failed == bad}")
        print(f"equal to calls of their own: {compare(command, folder, out, bad)}")


def lay_out(source: Path, folder: Path, count: int, bad: int) -> set[str]:
    """Fill a folder and return the names of the bad ones, of five kinds in turn."""
    folder.mkdir()
    spoilt = set()
    for place, path in enumerate(find_images([source])[:count]):
        name = f"{place:05d}{path.suffix}"
        if place % (count // bad) or len(spoilt) == bad:
            shutil.copyfile(path, folder / name)
            continue
        data = path.read_bytes()
        kinds = (data[: len(data) // 2], b"", b"GIF89a" + data, data[:20], os.urandom(2000))
        (folder / name).write_bytes(kinds[len(spoilt) % len(kinds)])
        spoilt.add(name)
    return spoilt


def interrupt(command: list[str], out: Path, wanted: int, *, kill: bool) -> tuple[int, int]:
    """Run until that many answers lie there, stop it, and return its exit code and how many."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
    while process.poll() is None and len(list(out.glob("*.json"))) < wanted:
        time.sleep(0.2)
    if kill:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGINT)
    code = process.wait()
    return code, len(list(out.glob("*.json")))


def compare(command: list[str], folder: Path, out: Path, bad: set[str]) -> str:
    """Analyse every hundredth photograph again, alone, and count equal answers."""
    good = sorted(path for path in folder.iterdir() if path.name not in bad)[::100]
    alone = out.with_name("alone")
    same = 0
    for path in good:
        line = [*command]
        line[line.index(str(folder))], line[line.index(str(out))] = str(path), str(alone)
        subprocess.run(line, capture_output=True, check=True)
        files = [f"{path.stem}.json", f"{path.stem}_segmentation.png"]
        same += all((alone / name).read_bytes() == (out / name).read_bytes() for name in files)
    return f"{same} of {len(good)}"


if __name__ == "__main__":
    main()
