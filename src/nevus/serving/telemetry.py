"""What the service counts, for Prometheus; no name and no address among it."""

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
TIMED: Final = "/v1/"
"""Start of the paths that are timed; a dozen lines for each file of the page help nobody."""
_SECONDS: Final = (0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30)


class Telemetry:
    """Counters of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "nevus_requests", "Answers by path and status.", ("path", "status"),
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "nevus_request_seconds", "From a request's head to its answer's end, below /v1/.",
            ("path",),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._photographs = Counter(
            "nevus_photographs", "Photographs by outcome: ok or an error's code.", ("outcome",),
            registry=self._registry,
        )  # fmt: skip
        self._ends = Counter(
            "nevus_worker_ends", "Workers that ended, by reason.", ("reason",),
            registry=self._registry,
        )  # fmt: skip
        self._workers = Gauge("nevus_workers", "Workers ready.", registry=self._registry)

    def watch(self, admitted: Callable[[], float], held: Callable[[], float]) -> None:
        """Read two numbers whenever somebody asks."""
        text = "Requests in work or waiting."
        Gauge("nevus_admitted", text, registry=self._registry).set_function(admitted)
        text = "Bytes of requests in memory."
        Gauge("nevus_held_bytes", text, registry=self._registry).set_function(held)

    def watch_connections(self, count: Callable[[], float]) -> None:
        """Read how many connections are open whenever somebody asks."""
        text = "Connections open."
        Gauge("nevus_connections", text, registry=self._registry).set_function(count)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count an answer; `path` is one of the service's own."""
        self._requests.labels(path, str(status)).inc()
        if path.startswith(TIMED):
            self._seconds.labels(path).observe(seconds)

    def count_photograph(self, outcome: str) -> None:
        """Count a photograph."""
        self._photographs.labels(outcome).inc()

    def end_worker(self, reason: str) -> None:
        """Count a worker's end: ``died``, ``hung``, ``recycled``, ``start`` or ``defect``."""
        self._ends.labels(reason).inc()

    def count_workers(self, count: int) -> None:
        """Tell how many workers are ready."""
        self._workers.set(count)

    def show(self) -> bytes:
        """Return all in Prometheus's text form."""
        return generate_latest(self._registry)
