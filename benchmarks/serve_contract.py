"""schemathesis against the OpenAPI document of a running `nevus serve`.

    python -m pip install schemathesis
    nevus serve --port 8000 &
    python benchmarks/serve_contract.py http://127.0.0.1:8000 --examples 50

Exit code 1: an answer of the 500 kind, or one that the document does not promise. What
schemathesis takes for a photograph is random bytes, so most answers are errors; the tests send
real ones.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address")
    parser.add_argument("--examples", type=int, default=50, help="for each path")
    given = parser.parse_args()
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "run", f"{given.address.rstrip('/')}/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", str(given.examples)]
    command += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--seed", "0"]
    command += ["--suppress-health-check", "all"]
    if token := os.environ.get("NEVUS_TOKEN"):
        command += ["--header", f"Authorization: Bearer {token}"]
    # It leaves a folder of its own wherever it runs.
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, check=False, cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main())
