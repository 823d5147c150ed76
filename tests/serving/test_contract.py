"""What the OpenAPI document promises, tried with generated requests."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "serve_contract.py"


@pytest.mark.skipif(not SCRIPT.is_file(), reason="benchmarks/ is not in the source distribution")
def test_no_answer_breaks_the_document(server: Any) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), server.address, "--examples", "3"],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout
