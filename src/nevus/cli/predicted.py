"""Folders of predictions: which files there are nevus's to replace, and which are of this call."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import typer

from nevus import __version__
from nevus.errors import UsageError
from nevus.imaging.files import refuse_foreign, write_atomically
from nevus.labels import ATTRIBUTES, NOTICE, PREDICTED_NAME, attribute_name, segmentation_name


class PredictionFolder:
    """A folder that `nevus predict` writes into; `PREDICTED_NAME` in it lists what is its own.

    Args:
        out: The folder, there or not.
        task: What is predicted.
        photographs: This call's.
    """

    def __init__(self, out: Path, task: str, photographs: Sequence[Path]) -> None:
        self.out = out
        self.task = task
        self._earlier = _read_names(out / PREDICTED_NAME)
        self._targets = {name for path in photographs for name in self._name_masks(path)}
        self._targets |= {"errors.csv", *_TABLES[task]}

    def claim(self, networks: list[str]) -> None:
        """Refuse to replace somebody else's files, such as the truth; list ours.

        Args:
            networks: What the networks are called.

        Raises:
            UsageError: Something would be replaced that no call of nevus predict wrote.
        """
        foreign = sorted(self._there(self._targets - self._earlier))
        if not self._earlier and (self.out / PREDICTED_NAME).exists():
            foreign.append(PREDICTED_NAME)
        refuse_foreign(self.out, foreign, "predict")
        self._say_what_is_there()
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise UsageError(f"{self.out} is no folder", hint="name another --out") from None
        told = {
            "notice": NOTICE, "nevus": __version__, "task": self.task, "networks": networks,
            "files": sorted(self._earlier | self._targets),
        }  # fmt: skip
        write_atomically(self.out / PREDICTED_NAME, json.dumps(told, indent=1).encode())

    def remove(self, failed: Iterable[Path]) -> None:
        """Remove what earlier calls wrote about photographs that could not be predicted now."""
        for path in failed:
            for name in self._name_masks(path):
                (self.out / name).unlink(missing_ok=True)

    def _say_what_is_there(self) -> None:
        if self._there(self._targets):
            typer.echo(
                f"note: {self.out} holds earlier results; files of the same name are replaced",
                err=True,
            )
        others = sum(name.endswith(".png") for name in self._there(self._earlier - self._targets))
        if others:
            typer.echo(
                f"note: {self.out} holds {others:,} mask{'s' if others > 1 else ''} of earlier "
                "calls besides, which evaluate and submit take, too; "
                "a new --out has this call's alone",
                err=True,
            )

    def _there(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if (self.out / name).exists()]

    def _name_masks(self, path: Path) -> Iterator[str]:
        if self.task == "segmentation":
            yield segmentation_name(path.stem)
        elif self.task == "attributes":
            yield from (attribute_name(path.stem, name) for name in ATTRIBUTES)


_TABLES = {
    "segmentation": (),
    "attributes": ("presences.json",),
    "diagnosis": ("diagnosis.csv", "similar.json"),
}


def _read_names(path: Path) -> set[str]:
    """Return the files that earlier calls claimed; none where the file is not nevus's."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        names = told["files"] if told["notice"] == NOTICE else ()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
