"""What an audit of a split says: lesions and pictures on more than one side of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from nevus.data.split_parts import Photo
from nevus.labels import NOTICE

Kind = Literal["same_photograph", "identical_file", "identical_pixels", "look_alike"]
KINDS: Final[tuple[Kind, ...]] = (
    "same_photograph",
    "identical_file",
    "identical_pixels",
    "look_alike",
)
"""From the plainest to the one that wants looking at."""


@dataclass(frozen=True)
class Place:
    """A photograph in a part."""

    part: str
    photo: Photo


@dataclass(frozen=True)
class LeakPair:
    """One picture, or one lesion's, on two sides.

    Attributes:
        kind: How alike the two are.
        first: In one part.
        second: In another.
    """

    kind: Kind
    first: Place
    second: Place

    @property
    def same_lesion(self) -> bool | None:
        """Whether the two share their lesion_id; None where one has none."""
        ids = self.first.photo.lesion_id, self.second.photo.lesion_id
        return None if None in ids else ids[0] == ids[1]


@dataclass(frozen=True)
class LeakReport:
    """What `find_leaks` found.

    Attributes:
        parts: Name to number of photographs.
        lesions: lesion_id to its photographs, of lesions in more than one part.
        pairs: By kind, then name. Of n copies of one file, n - 1 pairs at most.
        affected: Part to its photographs that share a lesion or a picture with another part.
        unreadable: Photographs whose header cannot be read; looks tell nothing about them.
        compared: Whether looks were compared at all.
    """

    parts: Mapping[str, int]
    lesions: Mapping[str, tuple[Place, ...]]
    pairs: tuple[LeakPair, ...]
    affected: Mapping[str, int]
    unreadable: tuple[Place, ...]
    compared: bool = True

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.lesions and not self.pairs

    def of_kind(self, kind: Kind) -> tuple[LeakPair, ...]:
        """Return the pairs of one kind."""
        return tuple(pair for pair in self.pairs if pair.kind == kind)

    def unforeseen(self) -> tuple[LeakPair, ...]:
        """Return the pairs that no lesion_id gives away."""
        return tuple(pair for pair in self.pairs if not pair.same_lesion)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "notice": NOTICE,
            "clean": self.clean,
            "parts": dict(self.parts),
            "affected": dict(self.affected),
            "shared_lesions": {
                "n": len(self.lesions),
                "photographs": count_by_part(p for places in self.lesions.values() for p in places),
            },
            "pairs_by_kind": {kind: len(self.of_kind(kind)) for kind in KINDS},
            "pairs_without_shared_lesion": len(self.unforeseen()),
            "lesions": {name: [_plain(p) for p in places] for name, places in self.lesions.items()},
            "pairs": [
                {
                    "kind": pair.kind,
                    "first": _plain(pair.first),
                    "second": _plain(pair.second),
                    "same_lesion": pair.same_lesion,
                }
                for pair in self.pairs
            ],
            "looks_compared": self.compared,
            "unreadable": [_plain(place) for place in self.unreadable],
        }


def count_by_part(places: Iterable[Place]) -> dict[str, int]:
    """Return part to number of different photographs, sorted by part."""
    members: dict[str, set[Path]] = defaultdict(set)
    for place in places:
        members[place.part].add(place.photo.image)
    return {part: len(images) for part, images in sorted(members.items())}


def _plain(place: Place) -> dict[str, str | None]:
    photo = place.photo
    return {"part": place.part, "image_id": photo.image_id, "lesion_id": photo.lesion_id}
