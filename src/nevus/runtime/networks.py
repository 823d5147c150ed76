"""All networks of a folder, loaded; one photograph through them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nevus.errors import UsageError, ZooError
from nevus.imaging.memory import give_back_memory
from nevus.inference.answers import AttributeMaps, Diagnosis
from nevus.labels import TASKS
from nevus.runtime.attributor import OnnxAttributor
from nevus.runtime.diagnoser import OnnxDiagnoser
from nevus.runtime.segmentor import BesideAttributes, LesionSegmentor, OnnxSegmentor
from nevus.runtime.session import Session, open_session
from nevus.runtime.threads import Threads
from nevus.runtime.zoo import ModelCard, read_zoo

GREY = 128


@dataclass(frozen=True)
class Examination:
    """What all networks say about one photograph.

    Attributes:
        lesion: (H, W) float32 probabilities, None without a network for it.
        attributes: Maps and presences, None without a network for it.
        diagnosis: Probabilities and similar cases, None without a network for it.
    """

    lesion: NDArray[np.float32] | None
    attributes: AttributeMaps | None
    diagnosis: Diagnosis | None


@dataclass(frozen=True)
class Networks:
    """Loaded networks, each None where the folder has none or it was not asked for.

    Threads may share one: nothing changes after loading.

    Attributes:
        segmentor: Gives the lesion; may be one with the attributor.
        attributor: Gives attribute maps.
        diagnoser: Gives class probabilities.
        cards: The card behind each loaded task.
        threads: For the networks and views of one photograph.
    """

    segmentor: OnnxSegmentor | None
    attributor: OnnxAttributor | None
    diagnoser: OnnxDiagnoser | None
    cards: Mapping[str, ModelCard]
    threads: Threads

    def examine(self, pixels: NDArray[np.uint8]) -> Examination:
        """Return what every network says about (H, W, 3) uint8 RGB; each is run once."""
        segmentor, attributor, diagnoser = self.segmentor, self.attributor, self.diagnoser
        beside = segmentor and attributor and segmentor.card is attributor.card
        attend = self.threads.attend
        diagnose = attend(lambda: diagnoser.diagnose(pixels)) if diagnoser else None
        detect = attend(lambda: attributor.detect(pixels)) if attributor else None
        probe = None
        if segmentor and not beside:
            probe = attend(lambda: segmentor.probability(pixels))
        attributes = detect() if detect else None
        lesion = probe() if probe else None
        if beside and attributes:
            lesion = attributes.lesion
        return Examination(lesion, attributes, diagnose() if diagnose else None)

    def warm_up(self) -> None:
        """Run every network once on a grey photograph, so that the first answer is no slower."""
        sizes = [card.preparation.size for card in self.cards.values()]
        largest = max(sizes, default=(64, 64))
        self.examine(np.full((*largest, 3), GREY, np.uint8))


def load_networks(
    folder: Path | None = None,
    *,
    threads: int = 2,
    tasks: Sequence[str] = TASKS,
    similar: int = 5,
) -> Networks:
    """Return the networks of a folder of models.

    Args:
        folder: As for `nevus.runtime.zoo.read_zoo`; None: those that ship.
        threads: For the networks and views of one photograph, at most as many as there are
            processors.
        tasks: Which to load; those the folder has no model for stay None.
        similar: How many photographs of the gallery a diagnosis names.

    Raises:
        ZooError: A model is missing, damaged or foreign, or there is none for any of `tasks`.
        UsageError: A task is unknown or `threads` below 1.
    """
    unknown = sorted(set(tasks) - set(TASKS))
    if unknown:
        raise UsageError(f"unknown task {unknown[0]!r}", hint=f"one of {', '.join(TASKS)}")
    zoo = read_zoo(folder)
    cards = {task: zoo.cards[task] for task in TASKS if task in tasks and task in zoo.cards}
    if not cards:
        raise ZooError(f"{zoo.folder} holds no model for {' or '.join(tasks)}")
    # One model may answer two tasks; it is opened once.
    by_path = {card.path: card for card in cards.values()}
    shared = Threads(threads)
    opened = {}
    for path, card in by_path.items():
        opened[path] = open_session(card, threads=shared)
        give_back_memory()
    sessions = {task: opened[card.path] for task, card in cards.items()}
    return _assemble(cards, sessions, similar, shared)


def _assemble(
    cards: Mapping[str, ModelCard],
    sessions: Mapping[str, Session],
    similar: int,
    threads: Threads,
) -> Networks:
    segmentor: OnnxSegmentor | None = None
    attributor = diagnoser = None
    if "attributes" in sessions:
        attributor = OnnxAttributor(sessions["attributes"])
    if "segmentation" in sessions:
        session = sessions["segmentation"]
        if session.card.task == "segmentation":
            segmentor = LesionSegmentor(session)
        else:
            segmentor = BesideAttributes(attributor or OnnxAttributor(session))
    if "diagnosis" in sessions:
        diagnoser = OnnxDiagnoser(sessions["diagnosis"], similar=similar)
    return Networks(segmentor, attributor, diagnoser, cards, threads)
