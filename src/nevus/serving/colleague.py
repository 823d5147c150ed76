"""One worker process, seen from the service."""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, Field, ValidationError

from nevus.analysis.results import ModelUsed
from nevus.errors import NevusError
from nevus.runtime.engine import SILENCE
from nevus.serving.frames import FrameError, Head, pack_frame, receive_frame
from nevus.serving.settings import TOKEN, Settings

START_WITHIN: Final = 120.0
"""Seconds until a worker has loaded and tried its networks, at most."""

_BUFFER: Final = 2**20
_END_WITHIN: Final = 2.0
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SURROUNDINGS: Final = {
    **dict.fromkeys(_ONE_THREAD, "1"),
    "OMP_WAIT_POLICY": "PASSIVE",
    SILENCE: "1",
}


def _make_surroundings() -> dict[str, str]:
    """Return a worker's environment: what decodes strangers' files does not know the token."""
    return {**{name: one for name, one in os.environ.items() if name != TOKEN}, **_SURROUNDINGS}


class _Introduction(BaseModel):
    """What a worker says once it is ready."""

    models: list[ModelUsed]
    verbs: list[str]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ModelsError(NevusError):
    """A worker cannot work with the models it was given."""


class Colleague:
    """A worker that is ready.

    Attributes:
        served: How many requests it was sent.
        models: What is said about its models.
        verbs: What it can be asked.
        seconds: What its first photograph took.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.served = 0
        self.models: Sequence[Mapping[str, Any]] = ()
        self.verbs: Sequence[str] = ()
        self.seconds = 1.0
        self._process = process

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Start a process and wait until it is ready.

        Raises:
            ModelsError: It says that its models cannot be used.
            OSError: It cannot be started.
            TimeoutError: It was not ready in time.
            asyncio.IncompleteReadError: It died.
            FrameError: It introduces itself as no worker does.
        """
        process = await asyncio.create_subprocess_exec(
            *settings.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_BUFFER,
            env=_make_surroundings(),
        )
        colleague = cls(process)
        try:
            async with asyncio.timeout(START_WITHIN):
                await colleague._introduce(settings)
        except BaseException:
            await colleague.end()
            raise
        return colleague

    async def _introduce(self, settings: Settings) -> None:
        models = str(settings.models) if settings.models else ""
        head = {"models": models, "threads": settings.threads_each, "max_bytes": settings.max_body}
        answer, _ = await self.exchange(head, [])
        self.served = 0
        if "failed" in answer:
            raise ModelsError(str(answer["failed"]))
        try:
            told = _Introduction.model_validate(answer, strict=True)
        except ValidationError as error:
            raise FrameError("an introduction that is none") from error
        self.models = [one.model_dump() for one in told.models]
        self.verbs = told.verbs
        self.seconds = told.seconds

    async def exchange(
        self, head: Mapping[str, Any], blobs: Sequence[bytes]
    ) -> tuple[Head, list[bytes]]:
        """Return the answer to a message.

        Raises:
            ConnectionError: It died before all was said.
            asyncio.IncompleteReadError: It died before it had answered.
            FrameError: Its answer is none.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.served += 1
        for piece in pack_frame(head, blobs):
            self._process.stdin.write(piece)
            await self._process.stdin.drain()
        return await receive_frame(self._process.stdout)

    async def wait(self) -> None:
        """Return when the process has ended."""
        await self._process.wait()

    async def end(self, *, kindly: bool = False) -> None:
        """End the process: by a closed pipe, which it obeys when idle, or at once."""
        stdin = self._process.stdin
        if stdin is not None:
            stdin.close()
        if kindly:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_WITHIN):
                    await self._process.wait()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
