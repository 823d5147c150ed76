"""Finding what a split leaks: one lesion or one picture on more than one side of it."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nevus.data.leak_report import KINDS, Kind, LeakPair, LeakReport, Place, count_by_part
from nevus.data.lookalikes import find_lookalikes
from nevus.data.records import Record
from nevus.data.split_parts import Part
from nevus.errors import ImageError
from nevus.imaging.reading import read_image, read_size


def find_leaks(
    parts: Sequence[Part],
    *,
    lookalikes: bool = True,
    cache: Path | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> LeakReport:
    """Return lesions and pictures that stand in more than one part.

    Args:
        parts: At least two, `nevus.data.split_parts.read_parts`.
        lookalikes: Whether to compare looks, which takes a while for thousands of photographs.
        cache: As in `nevus.data.lookalikes.find_lookalikes`.
        workers: Threads that decode.
        progress: Called with (done, total) while photographs are decoded, and once more while
            they are opened.
    """
    places = [Place(part.name, photo) for part in parts for photo in part.photos]
    by_image: dict[Path, list[Place]] = defaultdict(list)
    for place in places:
        by_image[place.photo.image].append(place)
    alike = _find_alike(places, cache, workers, progress) if lookalikes else []
    # Equal pixels look alike, so that nothing else needs decoding for them.
    digests: list[tuple[Kind, Mapping[Path, Hashable]]] = [
        ("same_photograph", {image: image for image in by_image}),
        ("identical_file", _digest_files(by_image)),
        ("identical_pixels", _digest_pixels(sorted({image for pair in alike for image in pair}))),
    ]
    lesions = _find_lesions(places)
    pairs = _pair_places(by_image, digests, alike)
    return LeakReport(
        parts={part.name: len(part.photos) for part in parts},
        lesions=lesions,
        pairs=tuple(pairs),
        affected=_count_affected(parts, lesions, pairs),
        unreadable=tuple(_find_unreadable(places, progress)),
        compared=lookalikes,
    )


def _find_lesions(places: Iterable[Place]) -> dict[str, tuple[Place, ...]]:
    members: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        if place.photo.lesion_id is not None:
            members[place.photo.lesion_id].append(place)
    return {name: tuple(members[name]) for name in sorted(members) if _crosses(members[name])}


def _crosses(places: Iterable[Place]) -> bool:
    return len({place.part for place in places}) > 1


def _count_affected(
    parts: Iterable[Part],
    lesions: Mapping[str, tuple[Place, ...]],
    pairs: Iterable[LeakPair],
) -> dict[str, int]:
    touched = [place for places in lesions.values() for place in places]
    touched += [place for pair in pairs for place in (pair.first, pair.second)]
    counts = count_by_part(touched)
    return {part.name: counts.get(part.name, 0) for part in parts}


def _pair_places(
    by_image: Mapping[Path, list[Place]],
    digests: Iterable[tuple[Kind, Mapping[Path, Hashable]]],
    alike: Iterable[tuple[Path, Path]],
) -> list[LeakPair]:
    found: dict[frozenset[Place], LeakPair] = {}
    copies = {image: list(places) for image, places in by_image.items()}
    for kind, table in digests:
        groups: dict[Hashable, list[Path]] = defaultdict(list)
        for image in sorted(table):
            groups[table[image]].append(image)
        for images in groups.values():
            together = [place for image in images for place in by_image[image]]
            copies |= {image: together for image in images if len(images) > 1}
            for place in together:
                # One partner each: of a thousand copies not a million pairs.
                _note(found, kind, [place], together)
    for first, second in alike:
        _note(found, "look_alike", copies[first], copies[second])
    return sorted(found.values(), key=_order)


def _note(
    found: dict[frozenset[Place], LeakPair], kind: Kind, firsts: list[Place], seconds: list[Place]
) -> None:
    """Add the first pair of places in different parts, unless that pair is known."""
    crossing = (
        LeakPair(kind, *sorted((first, second), key=_place_order))
        for first in firsts
        for second in seconds
        if first.part != second.part
    )
    pair = next(crossing, None)
    if pair is not None:
        found.setdefault(frozenset((pair.first, pair.second)), pair)


def _place_order(place: Place) -> tuple[str, str]:
    return place.part, place.photo.image_id


def _order(pair: LeakPair) -> tuple[int, tuple[str, str], tuple[str, str]]:
    return KINDS.index(pair.kind), _place_order(pair.first), _place_order(pair.second)


def _digest_files(images: Iterable[Path]) -> dict[Path, Hashable]:
    by_size: dict[int, list[Path]] = defaultdict(list)
    for image in images:
        try:
            by_size[image.stat().st_size].append(image)
        except OSError:
            continue  # Vanished meanwhile: it is among the unreadable ones.
    # Only files of equal length can be equal; most of a large folder stays unread.
    return {
        image: digest
        for alike in by_size.values()
        if len(alike) > 1
        for image in alike
        if (digest := _digest_file(image)) is not None
    }


def _digest_file(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _find_unreadable(
    places: Sequence[Place], progress: Callable[[int, int], None] | None
) -> Iterator[Place]:
    for done, place in enumerate(places, start=1):
        try:
            read_size(place.photo.image)
        except ImageError:
            yield place
        if progress is not None:
            progress(done, len(places))


def _find_alike(
    places: Sequence[Place],
    cache: Path | None,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> list[tuple[Path, Path]]:
    images = sorted({place.photo.image for place in places})
    names = {place.photo.image: place.photo.image_id for place in places}
    # A cache knows photographs by image_id; folders may use one name for two photographs.
    if len(set(names.values())) < len(images):
        names = {image: str(image) for image in images}
    by_name = {names[image]: image for image in images}
    records = [Record(name, by_name[name]) for name in sorted(by_name)]
    pairs = find_lookalikes(records, cache, workers=workers, progress=progress)
    return [(by_name[first], by_name[second]) for first, second in pairs]


def _digest_pixels(images: Iterable[Path]) -> dict[Path, Hashable]:
    digests: dict[Path, Hashable] = {}
    for image in images:
        try:
            pixels = read_image(image).pixels
        except ImageError:
            continue
        digests[image] = pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()
    return digests
