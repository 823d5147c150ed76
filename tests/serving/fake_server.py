"""`nevus serve` with the fake worker; settings come as JSON, `files` is the limit of open ones."""

import json
import logging
import sys
from pathlib import Path

from nevus.errors import NevusError
from nevus.serving.server import serve
from nevus.serving.settings import Settings

WORKER = (sys.executable, "-P", str(Path(__file__).with_name("fake_worker.py")))


def say(line: str) -> None:
    """Write a line that the test reads at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    given = json.loads(sys.argv[1])
    if "models" in given:
        given["models"] = Path(given["models"])
    if "files" in given:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, tuple(given.pop("files")))
    try:
        serve(
            Settings(**{"port": 0, "command": WORKER, **given}),
            announce=say,
        )
    except NevusError as error:
        say(str(error))
        sys.exit(error.exit_code)
