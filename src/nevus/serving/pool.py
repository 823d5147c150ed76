"""The worker processes: photographs wait in one line, and whoever dies is replaced."""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

from nevus.serving.admission import Admission
from nevus.serving.colleague import Colleague, ModelsError
from nevus.serving.frames import FrameError
from nevus.serving.jobs import Defect, Done, Job, read_answer
from nevus.serving.refusals import defect, died, late
from nevus.serving.settings import Settings
from nevus.serving.telemetry import Telemetry

_log = logging.getLogger(__name__)
_DEATHS: Final = (ConnectionError, asyncio.IncompleteReadError, FrameError)
_SHORTEST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_TRIED: Final = "analyze"
"""What a worker tries before it is ready."""


class Pool:
    """Workers and the line before them.

    Attributes:
        live: Workers that are ready or at work.
        broken: Why no worker can ever start; None while that is not known.
        models: What is said about the models.
        verbs: What can be asked.
    """

    def __init__(self, settings: Settings, admission: Admission, telemetry: Telemetry) -> None:
        self.live: set[Colleague] = set()
        self.broken: ModelsError | None = None
        self.models: Sequence[Mapping[str, Any]] = ()
        self.verbs: Sequence[str] = ()
        self.on_broken: Callable[[], None] = lambda: None
        self._settings = settings
        self._admission = admission
        self._telemetry = telemetry
        self._line: asyncio.Queue[Job] = asyncio.Queue()
        self._desks: list[asyncio.Task[None]] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._complete = False

    @property
    def ready(self) -> bool:
        """Whether all workers were ready once and one is now."""
        return self._complete and bool(self.live)

    def open(self) -> None:
        """Begin to start workers."""
        for _ in range(self._settings.processes):
            self._desks.append(asyncio.create_task(self._keep_desk()))

    async def close(self) -> None:
        """End all workers, at once where they are at work."""
        for desk in self._desks:
            desk.cancel()
        await asyncio.gather(*self._desks, *self._leaving, return_exceptions=True)

    async def run(self, jobs: Sequence[Job]) -> list[Done]:
        """Return the answers of all jobs, in order.

        Raises:
            RefusedError: 504 after the deadline, 500 where a worker died; the others are dropped.
        """
        for job in jobs:
            self._line.put_nowait(job)
        try:
            async with asyncio.timeout(self._settings.deadline):
                return await asyncio.gather(*(job.answer for job in jobs))
        except TimeoutError:
            raise late(self._settings.deadline) from None
        finally:
            for job in jobs:
                job.answer.cancel()

    async def _keep_desk(self) -> None:
        """Run a desk; a defect of ours costs a worker, and not its place for ever."""
        while True:
            try:
                await self._run_desk()
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{Path(last.filename).name}:{last.lineno}"
                _log.error("a defect of nevus: %s in %s", type(error).__name__, place)
                self._telemetry.end_worker("defect")
            await asyncio.sleep(_SHORTEST_PAUSE)

    async def _run_desk(self) -> None:
        """Have one worker at work, and after it another, for ever."""
        colleague, job = await self._hire(), None
        while True:
            self.live.add(colleague)
            self._complete = self._complete or self._is_complete()
            self._telemetry.count_workers(len(self.live))
            successor = None
            try:
                successor, job = await self._feed(colleague, job)
                if successor is not None:
                    # Before the old one goes: the service is ready all the time.
                    self.live.add(successor)
            finally:
                self.live.discard(colleague)
                self._telemetry.count_workers(len(self.live))
                if successor is None:
                    await colleague.end()
                else:
                    self._part(colleague)
            colleague = successor or await self._replace()

    async def _replace(self) -> Colleague:
        colleague = await self._hire()
        _log.info("a worker is back")
        return colleague

    def _is_complete(self) -> bool:
        """Whether all workers are here for the first time, which is said."""
        complete = len(self.live) >= self._settings.processes
        if complete:
            _log.info("ready: workers %d, photographs can be sent", len(self.live))
        return complete

    def _part(self, colleague: Colleague) -> None:
        """End an idle worker while the next one works."""
        end = asyncio.create_task(colleague.end(kindly=True))
        self._leaving.add(end)
        end.add_done_callback(self._leaving.discard)

    async def _hire(self) -> Colleague:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                return await self._start()
            except ModelsError as error:
                if not self._complete:
                    self.broken = error
                    self.on_broken()
                _log.error("a worker cannot start: %s", error)
            except (OSError, TimeoutError, *_DEATHS) as error:
                _log.error("a worker cannot start: %s", type(error).__name__)
            self._telemetry.end_worker("start")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _start(self) -> Colleague:
        colleague = await Colleague.start(self._settings)
        self.models, self.verbs = colleague.models, colleague.verbs
        self._admission.note(_TRIED, colleague.seconds)
        return colleague

    async def _feed(
        self, colleague: Colleague, job: Job | None
    ) -> tuple[Colleague | None, Job | None]:
        """Hand jobs to a worker; return its successor, if there is one, and a job not begun."""
        end = asyncio.create_task(colleague.wait())
        successor: asyncio.Task[Colleague] | None = None
        try:
            while True:
                job = job or await self._next(end, successor)
                if end.done():
                    self._telemetry.end_worker("died")
                    return None, job
                if successor is not None and successor.done():
                    self._telemetry.end_worker("recycled")
                    handed, successor = successor.result(), None
                    return handed, job
                if job is not None and not await self._do(colleague, job):
                    return None, None
                job = None
                if successor is None and colleague.served >= self._settings.recycle:
                    # The old one works on until the new one is ready.
                    successor = asyncio.create_task(self._hire())
        finally:
            end.cancel()
            if successor is not None:
                await _dismiss(successor)

    async def _next(
        self, end: "asyncio.Task[None]", successor: "asyncio.Task[Colleague] | None"
    ) -> Job | None:
        """Return the next job, None where the worker ended or has a successor."""
        get = asyncio.create_task(self._line.get())
        try:
            awaited = {get, end} | ({successor} if successor else set())
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            return get.result() if get.done() else None
        finally:
            get.cancel()

    async def _do(self, colleague: Colleague, job: Job) -> bool:
        """Have a job done; return whether the worker can go on."""
        if job.answer.done():
            return True
        head = {"verb": job.verb, "names": list(job.names), "stem": job.stem}
        start = monotonic()
        try:
            async with asyncio.timeout(self._settings.deadline):
                answer, blobs = await colleague.exchange(head, job.photographs)
            told = read_answer(answer, blobs, job.stem)
        except TimeoutError:
            _log.error("a worker hung and is replaced")
            self._telemetry.end_worker("hung")
            job.fail(late(self._settings.deadline))
            return False
        except _DEATHS as error:
            _log.error("a worker died and is replaced: %s", type(error).__name__)
            self._telemetry.end_worker("died")
            job.fail(died())
            return False
        except BaseException:
            job.fail(died())
            raise
        self._admission.note(job.verb, (monotonic() - start) / len(job.names))
        self._settle(job, told)
        return True

    def _settle(self, job: Job, told: Done | Defect) -> None:
        if isinstance(told, Defect):
            _log.error("a defect of nevus: %s", told.place)
            self._telemetry.count_photograph("defect")
            job.fail(defect("the analysis failed"))
        else:
            self._telemetry.count_photograph(told.outcome)
            job.succeed(told)


async def _dismiss(hiring: "asyncio.Task[Colleague]") -> None:
    """End a worker that is being started, or was just started and is not needed."""
    hiring.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await (await hiring).end()
