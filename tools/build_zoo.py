"""Assemble exported models into one folder with one manifest, as nevus packages it.

    python tools/build_zoo.py --out src/nevus/zoo exported/lesion.json exported/diagnosis.json

Each JSON file is what `nevus export` wrote, its model beside it. Files are checked, copied, and
listed in `manifest.json`, sorted, so that the same models give the same bytes. Models in the folder
that are no longer listed are removed: every one that was ever committed stays in each clone.
"""

import argparse
import sys
from pathlib import Path

from nevus.errors import NevusError, UsageError
from nevus.imaging.files import write_atomically
from nevus.labels import NOTICE
from nevus.runtime.manifest import FORMAT, read_manifests
from nevus.runtime.networks import load_networks
from nevus.runtime.seal import KEY, dump_sealed
from nevus.runtime.zoo import MANIFEST, make_card, read_zoo, verify


def build_zoo(manifests: list[Path], out: Path) -> int:
    """Write the folder and return its size in bytes; it is loaded once to see that it works."""
    entries, files = [], {}
    for path in manifests:
        text = path.read_bytes()
        for manifest in read_manifests(text, str(path)):
            if manifest.file in files:
                raise UsageError(f"two models would be called {manifest.file}")
            files[manifest.file] = verify(make_card(path.parent, manifest))
            # The whole file has a hash of its own.
            kept = manifest.model_dump(mode="json", exclude_none=True, exclude={KEY})
            entries.append(kept)
    entries.sort(key=lambda entry: (entry["task"], entry["name"]))
    document = {"format": FORMAT, "notice": NOTICE, "models": entries}
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_atomically(out / name, data)
    write_atomically(out / MANIFEST, dump_sealed(document))
    for old in sorted(out.glob("*.onnx")):
        if old.name not in files:
            old.unlink()
    read_zoo(out)
    load_networks(out).warm_up()
    return sum(path.stat().st_size for path in out.iterdir())


def main() -> int:
    """Read the command line, build, say the size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifests", nargs="+", type=Path, help="JSON files of nevus export")
    parser.add_argument("--out", type=Path, required=True, help="the folder")
    options = parser.parse_args()
    try:
        size = build_zoo(options.manifests, options.out)
    except NevusError as error:
        print(f"build_zoo: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{options.out}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
