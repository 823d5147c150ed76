"""Which photographs of a folder of results are done, so that an interrupted call goes on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nevus import __version__
from nevus.analyzer.analyzer import WORKING_SIDE
from nevus.analyzer.options import Options
from nevus.analyzer.outputs import KEPT, SHEETS
from nevus.imaging.files import write_atomically
from nevus.runtime.zoo import ModelCard

LEDGER = "done.jsonl"
SETTINGS = "settings.json"


@dataclass(frozen=True)
class Done:
    """A photograph that was analysed.

    Attributes:
        stem: What its files are called.
        name: Its base name, cleaned; no folder is remembered.
        sha256: Of its file.
        settings: Digest of the settings.
    """

    stem: str
    name: str
    sha256: str
    settings: str


def make_settings(cards: Mapping[str, ModelCard], options: Options) -> dict[str, Any]:
    """Return all that an answer depends on besides the photograph, as JSON values."""
    return {
        "nevus": __version__,
        "models": {task: card.sha256 for task, card in sorted(cards.items())},
        "coverage": options.coverage,
        "similar": options.similar,
        "mm_per_pixel": options.mm_per_pixel,
        "evidence": options.evidence,
        "photographs": options.photographs is not None,
        "limits": asdict(options.limits),
        "working_side": WORKING_SIDE,
    }


def digest(settings: Mapping[str, Any]) -> str:
    """Return settings as 64 hexadecimal digits."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Ledger:
    """What is done in a folder of results: one line per photograph, added as it is finished.

    A call that is killed leaves at worst half a line, which is skipped.

    Args:
        out: The folder of results.
        settings: Of this call.
    """

    def __init__(self, out: Path, settings: Mapping[str, Any]) -> None:
        self._folder = out / KEPT
        self.settings = dict(settings)
        self.digest = digest(settings)
        (self._folder / SHEETS).mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[str, Done]:
        """Return the last word on each stem."""
        try:
            text = (self._folder / LEDGER).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return {}
        entries = (_read_line(line) for line in text.splitlines())
        return {one.stem: one for one in entries if one is not None}

    def forget(self) -> None:
        """Begin anew."""
        (self._folder / LEDGER).unlink(missing_ok=True)

    def add(self, stem: str, name: str, sha256: str) -> None:
        """Add a finished photograph."""
        line = json.dumps(asdict(Done(stem, name, sha256, self.digest)))
        # A line end before it, too: the last line may be half a one.
        with (self._folder / LEDGER).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")

    def find_changes(self) -> list[str]:
        """Return what differs from the settings of the call before, ``coverage 0.9 -> 0.8``."""
        try:
            before = json.loads((self._folder / SETTINGS).read_bytes())
        except (OSError, ValueError):
            return []
        if not isinstance(before, dict):
            return []
        # By way of JSON, which knows no tuples.
        now = json.loads(json.dumps(self.settings))
        names = sorted(before.keys() | now.keys())
        return [
            f"{name} {_shorten(before.get(name))} -> {_shorten(now.get(name))}"
            for name in names
            if before.get(name) != now.get(name)
        ]

    def keep_settings(self) -> None:
        """Write this call's settings, for the next call to compare."""
        text = json.dumps(self.settings, indent=1)
        write_atomically(self._folder / SETTINGS, f"{text}\n".encode())


def _shorten(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {str(one)[:8]}" for key, one in value.items()) or "none"
    return str(value)


def _read_line(line: str) -> Done | None:
    try:
        values = json.loads(line)
        found = Done(**values)
    except (ValueError, TypeError):
        return None
    return found if all(isinstance(one, str) for one in vars(found).values()) else None
