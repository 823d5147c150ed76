"""From an upload to an answer."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from nevus.serving.admission import Admission
from nevus.serving.bodies import Upload, read_uploads
from nevus.serving.headers import check_query, prefers_archive, read_headers
from nevus.serving.jobs import Done, Job
from nevus.serving.packing import join_results, name_stems, pack_results
from nevus.serving.pool import Pool
from nevus.serving.refusals import ClientGoneError, RefusedError, closing
from nevus.serving.settings import Settings
from nevus.serving.telemetry import Telemetry

_ZIP: Final = "application/zip"
_REPORT: Final = "report"


class Service:
    """The pool, who may come in, and what is counted.

    Args:
        settings: How it is run.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.telemetry = Telemetry()
        self.admission = Admission(settings)
        self.pool = Pool(settings, self.admission, self.telemetry)
        self.aborted = asyncio.Event()
        self.telemetry.watch(lambda: self.admission.admitted, lambda: self.admission.held)

    @property
    def ready(self) -> bool:
        """Whether photographs can be sent."""
        return self.pool.ready and not self.admission.closed

    def check_ready(self) -> None:
        """Refuse where photographs cannot be sent.

        Raises:
            RefusedError: 503.
        """
        if self.admission.closed:
            raise closing()
        if not self.pool.ready:
            raise RefusedError(
                503, "not_ready", "no worker is ready", hint="try again in some seconds",
                headers={"Retry-After": "2"},
            )  # fmt: skip

    async def answer(self, verb: str, request: Request) -> Response:
        """Return what is said about a request's photographs.

        Raises:
            RefusedError: It cannot be answered.
            ClientGoneError: Nobody waits for the answer any more.
        """
        self.check_ready()
        if (verb if verb != _REPORT else "analyze") not in self.pool.verbs:
            raise RefusedError(404, "no_model", "no model answers this", hint="/v1/models")
        self.admission.check(verb)
        check_query(request.scope["query_string"])
        headers = read_headers(request.scope["headers"])
        uploads = await read_uploads(request.receive, headers, self.settings, self.admission)
        size = sum(len(one.data) for one in uploads)
        try:
            with self.admission.admit(verb, len(uploads)):
                return await self._work(verb, uploads, headers.get("accept", ""), request)
        finally:
            self.admission.release(size)

    async def _work(
        self, verb: str, uploads: list[Upload], accept: str, request: Request
    ) -> Response:
        names = [one.name for one in uploads]
        photographs = [one.data for one in uploads]
        if verb == _REPORT:
            (page,) = await self._wait([Job(_REPORT, names, photographs)], request)
            return _offer(page.files[""], "text/html; charset=utf-8", "nevus-report.html")
        archive = prefers_archive(accept)
        stems = name_stems(names) if archive else [""] * len(names)
        jobs = [
            Job(verb, [name], [data], stem)
            for name, data, stem in zip(names, photographs, stems, strict=True)
        ]
        answers = await self._wait(jobs, request)
        if archive:
            packed = await asyncio.to_thread(pack_results, answers)
            return _offer(packed, _ZIP, "nevus.zip")
        return Response(join_results(answers), media_type="application/json")

    async def _wait(self, jobs: list[Job], request: Request) -> list[Done]:
        """Return the jobs' answers, unless the client goes or the service ends before."""
        work = asyncio.ensure_future(self.pool.run(jobs))
        gone = asyncio.ensure_future(_watch(request))
        end = asyncio.ensure_future(self.aborted.wait())
        try:
            await asyncio.wait({work, gone, end}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise closing() if end.done() else ClientGoneError("the client went while it waited")
        finally:
            for task in (work, gone, end):
                task.cancel()
            await asyncio.gather(work, gone, end, return_exceptions=True)


async def _watch(request: Request) -> None:
    """Return when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _offer(body: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=kind, headers=headers)
