"""How the photographs of a call are analysed, and by how many processes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from nevus.analyzer.analyzer import Analyzer
from nevus.analyzer.outputs import Wanted
from nevus.errors import UsageError
from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.processors import count_processors

MANY: Final = 16
"""From so many photographs on, a process per processor is worth its start."""
MOST_WORKERS: Final = 64


@dataclass(frozen=True)
class Options:
    """How the photographs of a call are analysed; see `Analyzer` and `Wanted`.

    Attributes:
        models: Folder of models, None for those that ship.
        coverage: Of conformal sets.
        similar: Training cases to name.
        mm_per_pixel: Scale, None where unknown.
        evidence: Whether to make evidence maps.
        photographs: The user's copy of the training photographs, for pictures of similar cases.
        wanted: Files to write.
        limits: What is refused before decoding.
    """

    models: Path | None = None
    coverage: float = 0.9
    similar: int = 5
    mm_per_pixel: float | None = None
    evidence: bool = False
    photographs: Path | None = None
    wanted: Wanted = field(default_factory=Wanted)
    limits: Limits = DEFAULT_LIMITS

    def make_analyzer(self, threads: int) -> Analyzer:
        """Return the analyser, its networks loaded."""
        return Analyzer(
            self.models,
            threads=threads,
            coverage=self.coverage,
            similar=self.similar,
            mm_per_pixel=self.mm_per_pixel,
            limits=self.limits,
            evidence=self.evidence,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON."""
        values = asdict(self)
        for name in ("models", "photographs"):
            values[name] = None if values[name] is None else str(values[name])
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Options":
        """Return what `to_json` gave."""
        paths = {
            name: None if values[name] is None else Path(values[name])
            for name in ("models", "photographs")
        }
        parts = {"wanted": Wanted(**values["wanted"]), "limits": Limits(**values["limits"])}
        return cls(**{**values, **paths, **parts})


def choose_workers(count: int, workers: int | None, threads: int | None) -> tuple[int, int]:
    """Return (processes, threads for a photograph); no process besides this one for 0.

    Args:
        count: Of photographs.
        workers: Asked for; None: none for one photograph, one for few, else one per processor.
        threads: Asked for; None: one for each of several processes, else two.

    Raises:
        UsageError: A number is out of range.
    """
    if workers is not None and not 0 <= workers <= MOST_WORKERS:
        raise UsageError(f"{workers} workers, expected 0 to {MOST_WORKERS}")
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads, expected at least 1")
    if workers is None:
        workers = min(count_processors(), MOST_WORKERS, count) if count >= MANY else int(count > 1)
    return workers, threads or (1 if workers > 1 else 2)
