"""Networks without torch give what torch gives."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nevus.errors import UsageError, ZooError
from nevus.inference.attributor import load_attributor
from nevus.inference.diagnoser import load_diagnoser
from nevus.inference.network import load_network
from nevus.runtime.networks import Networks, load_networks


@pytest.fixture(scope="module")
def networks(exported: Path) -> Networks:
    return load_networks(exported, threads=1)


def test_the_lesion_is_torchs(
    networks: Networks, checkpoints: dict[str, Path], photograph: np.ndarray
) -> None:
    wanted = load_network(checkpoints["segmentation"]).probability(photograph)
    assert networks.segmentor is not None
    found = networks.segmentor.probability(photograph)
    assert found.shape == photograph.shape[:2]
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() <= 1e-4
    mask = networks.segmentor.segment(photograph)
    assert mask.dtype == bool
    assert np.array_equal(mask, networks.segmentor.finish(found, photograph))


def test_attributes_are_torchs(
    networks: Networks, checkpoints: dict[str, Path], photograph: np.ndarray
) -> None:
    torchs = load_attributor(checkpoints["attributes"])
    wanted = torchs.detect(photograph)
    assert networks.attributor is not None
    found = networks.attributor.detect(photograph)
    assert found.maps.shape == (5, *photograph.shape[:2])
    assert np.abs(found.maps - wanted.maps).max() <= 1e-4
    assert np.abs(found.presences - wanted.presences).max() <= 1e-4
    assert found.lesion is not None
    assert wanted.lesion is not None
    assert np.abs(found.lesion - wanted.lesion).max() <= 1e-4
    assert networks.attributor.rules == torchs.rules


def test_the_diagnosis_is_torchs(
    networks: Networks, checkpoints: dict[str, Path], photograph: np.ndarray
) -> None:
    torchs = load_diagnoser(checkpoints["diagnosis"])
    wanted = torchs.diagnose(photograph)
    assert networks.diagnoser is not None
    found = networks.diagnoser.diagnose(photograph)
    assert np.abs(found.probabilities - wanted.probabilities).max() <= 1e-4
    assert found.probabilities.sum() == pytest.approx(1)
    assert [one.image_id for one in found.similar] == [one.image_id for one in wanted.similar]
    assert found.similar[0].distance == pytest.approx(wanted.similar[0].distance, abs=1e-4)
    assert networks.diagnoser.temperature == torchs.temperature
    calibration = networks.diagnoser.calibration
    assert calibration is not None
    assert calibration["temperature"] == torchs.temperature["both"]
    assert {len(scores) for scores in calibration["scores"].values()} == {10}


def test_evidence_adds_up_to_logits(networks: Networks, photograph: np.ndarray) -> None:
    assert networks.diagnoser is not None
    evidence = networks.diagnoser.diagnose(photograph).evidence
    if evidence is not None:
        assert evidence.shape[0] == 7
    found, _ = networks.diagnoser._session.run_views(photograph)
    shown = found["evidence"].mean(axis=(2, 3))
    bias = found["logits"] - shown
    assert np.abs(bias - bias[0]).max() <= 1e-4


def test_examining_runs_each_network_once_a_view(
    networks: Networks, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for part in (networks.segmentor, networks.attributor, networks.diagnoser):
        session: Any = part._session  # type: ignore[union-attr]
        real = session.run

        def run(images: np.ndarray, real: Any = real, session: Any = session) -> Any:
            calls.append(f"{session.card.task} {len(images)}")
            return real(images)

        monkeypatch.setattr(session, "run", run)
    found = networks.examine(photograph)
    assert Counter(calls) == {"attributes 1": 8, "diagnosis 1": 8, "segmentation 1": 4}
    assert found.lesion is not None
    assert found.attributes is not None
    assert found.diagnosis is not None


def test_threads_change_nothing(models: Path, photograph: np.ndarray) -> None:
    one, three = (load_networks(models, threads=threads) for threads in (1, 3))
    first, second = one.examine(photograph), three.examine(photograph)
    assert first.lesion is not None
    assert second.lesion is not None
    assert np.array_equal(first.lesion, second.lesion)
    assert first.diagnosis is not None
    assert second.diagnosis is not None
    assert np.array_equal(first.diagnosis.probabilities, second.diagnosis.probabilities)


def test_a_forked_process_starts_threads_of_its_own(
    models: Path, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = load_networks(models, threads=2)
    before = networks.examine(photograph).lesion
    session: Any = networks.segmentor._session  # type: ignore[union-attr]
    # What a fork leaves: pools that believe in threads which are gone.
    for pool in session._threads._opened[1:]:
        pool.shutdown()
    monkeypatch.setattr("nevus.runtime.threads.os.getpid", lambda: -1)
    after = networks.examine(photograph).lesion
    assert before is not None
    assert after is not None
    assert np.array_equal(before, after)


def test_one_network_serves_two_tasks(models: Path, photograph: np.ndarray) -> None:
    for suffix in (".json", ".onnx"):
        (models / f"segmentation{suffix}").unlink()
    networks = load_networks(models, threads=1)
    assert networks.cards["segmentation"] is networks.cards["attributes"]
    found = networks.examine(photograph)
    assert networks.segmentor is not None
    assert found.attributes is not None
    assert found.lesion is found.attributes.lesion
    assert np.array_equal(found.lesion, networks.segmentor.probability(photograph))
    alone = load_networks(models, threads=1, tasks=("segmentation",))
    assert alone.attributor is None
    assert np.array_equal(alone.examine(photograph).lesion, found.lesion)


def test_asking_for_one_task(exported: Path) -> None:
    networks = load_networks(exported, tasks=("diagnosis",), similar=3)
    assert networks.segmentor is None
    assert networks.attributor is None
    assert list(networks.cards) == ["diagnosis"]
    networks.warm_up()
    with pytest.raises(UsageError, match="unknown task"):
        load_networks(exported, tasks=("prognosis",))
    with pytest.raises(UsageError, match="threads is 0"):
        load_networks(exported, threads=0)


def test_a_task_nobody_answers(models: Path) -> None:
    for task in ("segmentation", "attributes"):
        (models / f"{task}.json").unlink()
    with pytest.raises(ZooError, match="no model for segmentation"):
        load_networks(models, tasks=("segmentation",))
