"""The models without nevus say what nevus says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import nevus
from nevus.data.phantoms import draw_phantom
from nevus.runtime.zoo import find_packaged

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "plain_onnx.py"


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (900, 1400)])
def test_the_same_answer(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(draw_phantom(1, 3, size=size).pixels).save(photo)
    done = subprocess.run(
        [sys.executable, EXAMPLE, find_packaged(), photo], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    analysis = nevus.analyze(photo).analysis
    assert analysis.segmentation is not None
    assert analysis.diagnosis is not None
    shares = {name: one.area_share for name, one in analysis.attributes.items()}
    # Masks of a large photograph are enlarged, here they are not.
    assert said["lesion"] == pytest.approx(analysis.segmentation.area_share, abs=1e-3)
    assert said["attributes"] == pytest.approx(shares, abs=1e-3)
    assert said["probabilities"] == pytest.approx(analysis.diagnosis.probabilities, abs=1e-6)
    assert tuple(said["set"]) == analysis.diagnosis.conformal_set
