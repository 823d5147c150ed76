"""A worker whose analyser does what a photograph tells it to, and otherwise answers at once."""

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from nevus.analysis.results import (
    Analysis,
    AttributeAnswer,
    Dermoscopy,
    DiagnosisAnswer,
    SegmentationAnswer,
    Size,
)
from nevus.analyzer.analyzed import Analyzed
from nevus.errors import ImageError, NevusError
from nevus.imaging.reading import read_image
from nevus.labels import ATTRIBUTES, DIAGNOSES
from nevus.serving.analyst import VERBS, Analyst
from nevus.serving.worker import main

SIZE = (24, 32)


def obey(order: list[str]) -> None:
    """Do as `die`, `hang`, `sleep S`, `raise`, `write FILE` say."""
    match order:
        case ["die", *_]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["hang", *_]:
            time.sleep(600)
        case ["sleep", seconds, *_]:
            time.sleep(float(seconds))
        case ["raise", canary, *_]:
            raise RuntimeError(canary)
        case ["write", path, *_]:
            Path(path).write_bytes(b"a photograph")


class FakeAnalyzer:
    """Gives masks and probabilities that depend on the bytes alone."""

    def __init__(self, tasks: tuple[str, ...]) -> None:
        self.tasks = tasks

    def analyze(self, source: bytes, *, name: str | None = None) -> Analyzed:
        if source.startswith(b"order "):
            obey(source.decode().split()[1:])
        elif not source:
            raise ImageError("empty", "photograph: the file is empty")
        else:
            read_image(source)
        generator = np.random.default_rng(list(hashlib.sha256(source).digest()))
        lesion = generator.random(SIZE) < 0.5
        attributes = {one: generator.random(SIZE) < 0.2 for one in ATTRIBUTES}
        chances = generator.dirichlet(np.ones(len(DIAGNOSES)))
        analysis = Analysis(
            image=name or "photograph",
            size=Size(height=SIZE[0], width=SIZE[1]),
            dermoscopy=Dermoscopy(score=0.9, threshold=0.5, is_dermoscopy=True),
            segmentation=SegmentationAnswer(
                file=None, area_share=float(lesion.mean()), empty=False, touches_border=True,
                model="fake",
            )
            if "segmentation" in self.tasks
            else None,
            attributes={
                one: AttributeAnswer(file=None, present=True, probability=0.5, area_share=0.2)
                for one in (ATTRIBUTES if "attributes" in self.tasks else ())
            },
            diagnosis=DiagnosisAnswer(
                probabilities=dict(zip(DIAGNOSES, map(float, chances), strict=True)),
                calibrated=False, abstained=False,
            )
            if "diagnosis" in self.tasks
            else None,
        )  # fmt: skip
        return Analyzed(
            analysis=analysis,
            pixels=generator.integers(0, 255, (*SIZE, 3), np.uint8),
            orientation=1,
            lesion=lesion if "segmentation" in self.tasks else None,
            attributes=attributes if "attributes" in self.tasks else {},
        )


def load(folder: Path | None, threads: int, max_bytes: int) -> Analyst:
    """Return fakes; a folder named `damaged` is refused."""
    if folder is not None and folder.name == "damaged":
        raise NevusError("the model is damaged")
    model = {
        "name": "fake", "task": "segmentation", "sha256": "0" * 64, "licence": "MIT",
        "training_data": "none",
    }  # fmt: skip
    return Analyst({verb: FakeAnalyzer(tasks) for verb, tasks in VERBS.items()}, [model])


if __name__ == "__main__":
    sys.exit(main(load))
