"""One photograph, one answer."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nevus
from nevus.analysis.results import read_analysis
from nevus.analyzer import analyzer as module
from nevus.analyzer.analyzer import Analyzer
from nevus.errors import ImageError, UsageError, ZooError
from nevus.imaging.limits import Limits
from nevus.inference.inputs import Failure
from nevus.labels import ATTRIBUTES, DIAGNOSES, NOTICE


def test_everything_is_said(analyzer: Analyzer, dermoscopy: np.ndarray) -> None:
    found = analyzer.analyze(dermoscopy, name="/home/jane/p.png")
    answer = found.analysis
    assert answer.image == "p.png"
    assert (answer.size.height, answer.size.width) == (180, 240)
    assert answer.dermoscopy is not None
    assert answer.dermoscopy.is_dermoscopy
    assert answer.segmentation is not None
    assert not answer.segmentation.empty
    assert found.lesion is not None
    assert found.lesion.shape == (180, 240)
    assert answer.segmentation.area_share == found.lesion.mean()
    assert list(answer.attributes) == list(ATTRIBUTES)
    assert answer.attributes["pigment_network"].present
    assert not answer.attributes["streaks"].present
    assert answer.diagnosis is not None
    assert answer.diagnosis.calibrated
    assert answer.diagnosis.coverage == 0.9
    likely = max(DIAGNOSES, key=(answer.diagnosis.probabilities or {}).__getitem__)
    assert answer.diagnosis.conformal_set[0] == likely
    assert len(answer.similar) == 5
    assert answer.abcd is not None
    assert answer.abcd.feret_mm is None
    assert {model.licence for model in answer.models} == {"CC-0"}
    assert [model.task for model in answer.models] == ["segmentation", "attributes", "diagnosis"]
    assert read_analysis(found.to_json()) == answer
    assert json.loads(found.to_json())["notice"] == NOTICE
    assert NOTICE in found.report()
    assert found.overlay().shape[1] == 240


def test_no_dermoscopy_no_diagnosis(analyzer: Analyzer, cup: np.ndarray) -> None:
    found = analyzer.analyze(cup)
    answer = found.analysis
    assert answer.dermoscopy is not None
    assert not answer.dermoscopy.is_dermoscopy
    assert answer.diagnosis is not None
    assert answer.diagnosis.abstained
    assert answer.diagnosis.probabilities is None
    assert answer.similar == ()
    assert found.evidence == {}
    assert "Melanoma" not in found.report().split("What the numbers mean")[0]


def test_no_lesion_is_said(analyzer: Analyzer) -> None:
    found = analyzer.analyze(np.full((64, 80, 3), 230, np.uint8))
    answer = found.analysis
    assert answer.segmentation is not None
    assert answer.segmentation.empty
    assert answer.abcd is not None
    assert answer.abcd.empty
    assert "no_lesion" in [flag.code for flag in answer.quality]
    assert found.lesion is not None
    assert not found.lesion.any()


def test_scale_gives_millimetres(analyzer: Analyzer, dermoscopy: np.ndarray) -> None:
    answer = analyzer.analyze(dermoscopy, mm_per_pixel=0.05).analysis
    assert answer.abcd is not None
    assert answer.abcd.feret_mm == pytest.approx(0.05 * (answer.abcd.feret_pixels or 0))
    with pytest.raises(UsageError, match="mm per pixel"):
        analyzer.analyze(dermoscopy, mm_per_pixel=0.0)


def test_files_bytes_and_pixels_agree(
    analyzer: Analyzer, dermoscopy: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "photograph"
    stream = io.BytesIO()
    Image.fromarray(dermoscopy).save(stream, "PNG")
    path.write_bytes(stream.getvalue())
    answers = [
        analyzer.analyze(source).to_json()
        for source in (path, str(path), stream.getvalue(), dermoscopy)
    ]
    assert len(set(answers)) == 1


def test_the_stored_frame_and_no_metadata(
    analyzer: Analyzer, dermoscopy: np.ndarray, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "CANARY"
    path = tmp_path / "p.jpg"
    Image.fromarray(dermoscopy).save(path, quality=95, exif=exif, comment=b"CANARY")
    found = analyzer.analyze(path)
    assert found.orientation == 6
    assert found.pixels.shape == dermoscopy.shape
    assert "orientation 6" in found.analysis.warnings[0]
    assert "CANARY" not in found.to_json() + found.report()


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3), np.float32), np.zeros((64, 64, 4))],
)
def test_other_arrays_are_refused(analyzer: Analyzer, pixels: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"uint8 \(H, W, 3\)"):
        analyzer.analyze(pixels)


def test_bad_bytes_are_named(analyzer: Analyzer) -> None:
    with pytest.raises(ImageError, match=r"^x\.jpg: the file is empty") as caught:
        analyzer.analyze(b"", name="x.jpg")
    assert caught.value.code == "empty"
    with pytest.raises(ImageError, match="at least 32"):
        analyzer.analyze(np.zeros((8, 64, 3), np.uint8))


def test_large_photographs_are_looked_at_smaller(
    analyzer: Analyzer, dermoscopy: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = analyzer.analyze(dermoscopy)
    monkeypatch.setattr(module, "WORKING_SIDE", 120)
    found = analyzer.analyze(dermoscopy)
    assert found.lesion is not None
    assert whole.lesion is not None
    assert found.probability is not None
    assert found.probability.shape == (90, 120)
    assert found.lesion.shape == (180, 240)
    both, either = (found.lesion & whole.lesion).sum(), (found.lesion | whole.lesion).sum()
    assert both / either > 0.97


def test_evidence_covers_what_the_network_saw(analyzer: Analyzer, dermoscopy: np.ndarray) -> None:
    found = analyzer.analyze(dermoscopy)
    assert found.analysis.diagnosis is not None
    assert tuple(found.evidence) == found.analysis.diagnosis.conformal_set
    first = next(iter(found.evidence.values()))
    assert first.shape == (144, 192)
    # The network sees the middle square; beside it nothing is known.
    assert not first[:, :23].any()
    assert first[:, 30:160].all()
    page = found.report()
    assert page.index("Dermoscopic attributes") < page.index("Where the network found its evidence")
    assert "find no structures" in page


def test_without_evidence_there_is_none(plain_models: Path, dermoscopy: np.ndarray) -> None:
    found = Analyzer(plain_models, threads=1).analyze(dermoscopy)
    assert found.evidence == {}
    assert "Where the network found its evidence" not in found.report()


def test_any_model_may_be_missing(analyzer: Analyzer, dermoscopy: np.ndarray) -> None:
    networks = replace(
        analyzer.networks, segmentor=None, attributor=None, cards={
            "diagnosis": analyzer.cards["diagnosis"]
        },
    )  # fmt: skip
    answer = Analyzer(networks=networks).analyze(dermoscopy).analysis
    assert answer.segmentation is None
    assert answer.abcd is None
    assert answer.attributes == {}
    assert answer.diagnosis is not None
    assert len(answer.models) == 1


def test_uncalibrated_numbers_have_no_set(
    analyzer: Analyzer, dermoscopy: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyzer.networks.diagnoser, "calibration", None)
    answer = analyzer.analyze(dermoscopy).analysis.diagnosis
    assert answer is not None
    assert not answer.calibrated
    assert answer.conformal_set == ()
    assert answer.coverage is None


@pytest.mark.parametrize("options", [{"coverage": 1.5}, {"similar": -1}, {"mm_per_pixel": -1.0}])
def test_options_are_checked_before_models(options: dict, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Analyzer(tmp_path / "none", **options)


def test_no_models_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="nevus export"):
        Analyzer(tmp_path)


def test_one_call(photos: Path, plain_models: Path) -> None:
    one = nevus.analyze(photos / "a.png", models=plain_models, similar=7)
    assert isinstance(one, nevus.Analyzed)
    assert len(one.analysis.similar) == 7
    assert nevus.analyze((photos / "a.png").read_bytes(), models=plain_models).lesion is not None
    with pytest.raises(ImageError, match=r"cut\.jpg"):
        nevus.analyze(photos / "cut.jpg", models=plain_models)
    failures: list[Failure] = []
    names = [
        found.analysis.image
        for found in nevus.analyze([photos], models=plain_models, on_failure=failures.append)
    ]
    assert names == ["a.png", "b.png", "c.png", "a.jpg"]
    assert {one.code for one in failures} == {"truncated", "empty", "not_an_image"}
    # A pattern is a text like a single path: types cannot tell that it gives several.
    many = nevus.analyze(str(photos / "[ab].png"), models=plain_models, threads=1)
    assert [found.analysis.image for found in many] == ["a.png", "b.png"]  # type: ignore[attr-defined]
    with pytest.raises(ImageError):
        list(nevus.analyze([photos], models=plain_models))
    with pytest.raises(ImageError, match="MiB"):
        nevus.analyze(photos / "a.png", models=plain_models, limits=Limits(max_bytes=10))


def test_the_face_is_small() -> None:
    assert {"analyze", "Analyzer", "Analyzed"} <= set(dir(nevus))
    with pytest.raises(AttributeError):
        # Type checkers refuse it as well.
        _ = nevus.nothing  # type: ignore[attr-defined]
