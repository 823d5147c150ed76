"""Sends photographs to `nevus serve` and prints a line about each; needs Python alone.

    nevus serve &
    python examples/client.py photo.jpg another.png

A server that was just started is waited for, and a full queue as long as the service advises.
What is wrong with a photograph comes first, as it should wherever an answer is shown.
"""

import argparse
import json
import os
import secrets
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def encode_form(paths: list[Path]) -> tuple[str, bytes]:
    """Return the content type and the body of an upload."""
    boundary = secrets.token_hex(16)
    pieces = []
    for path in paths:
        name = path.name.replace('"', "%22").replace("\r", "").replace("\n", "")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="photographs"; filename="{name}"'
        )
        pieces.append(f"{head}\r\n\r\n".encode() + path.read_bytes() + b"\r\n")
    body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def send(request: urllib.request.Request, patience: float) -> Any:
    """Return the open answer; connections may be refused for `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        try:
            return urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError as error:
            where = f"{request.type}://{request.host}"
            if not isinstance(error.reason, ConnectionRefusedError):
                raise SystemExit(f"{where} cannot be reached: {error.reason}") from error
            if time.monotonic() >= end:
                raise SystemExit(
                    f"nothing answers at {where}: start nevus serve, or name another --address"
                ) from error
            time.sleep(0.5)


def analyze(
    address: str, paths: list[Path], tries: int = 10, patience: float = 15
) -> list[dict[str, Any]]:
    """Return one result for each photograph, 16 at most."""
    kind, body = encode_form(paths)
    request = urllib.request.Request(f"{address}/v1/analyze", body, {"Content-Type": kind})
    if token := os.environ.get("NEVUS_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    for _ in range(tries):
        try:
            with send(request, patience) as answer:
                return list(json.load(answer)["results"])
        except urllib.error.HTTPError as error:
            if error.code not in {429, 503}:
                told = json.load(error)["error"]
                raise SystemExit(f"{error.code}: {told['text']}. {told['hint'] or ''}") from error
            time.sleep(int(error.headers.get("Retry-After", 1)))
    raise SystemExit("the service is busy")


def describe(result: dict[str, Any]) -> str:
    """Return a line about one result."""
    if "error" in result:
        return f"{result['name']}: {result['error']['text']}"
    answer = result["analysis"]
    lesion, diagnosis, kind = (
        answer["segmentation"],
        answer["diagnosis"] or {},
        answer["dermoscopy"],
    )
    parts = [] if kind is None or kind["is_dermoscopy"] else ["NO DERMOSCOPY"]
    parts += [flag["code"] for flag in answer["quality"] if flag["severity"] != "info"]
    parts += [f"lesion on {lesion['area_share']:.0%} of the photograph"] if lesion else []
    parts += [name for name, one in answer["attributes"].items() if one["present"]]
    parts += [
        f"{name} {share:.0%}" for name, share in (diagnosis.get("probabilities") or {}).items()
    ]
    if diagnosis.get("abstained"):
        parts.append("no diagnosis")
    return f"{result['name']}: {', '.join(parts)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", nargs="+", type=Path)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    given = parser.parse_args()
    for result in analyze(given.address.rstrip("/"), given.photographs):
        print(describe(result))
