"""Processes that may die: a task that kills its process costs that task alone.

A photograph is a stranger's file, and a decoder it brings down takes its process along. Messages
are JSON, one task at a time for each process.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, Final

from nevus import errors
from nevus.errors import NevusError, UsageError

Message = dict[str, Any]
Answer = Callable[[Message], Message]
Prepare = Callable[[Message], Answer]
"""Called once in each process with the options; gives what answers its tasks."""

MOST_DEATHS_AT_START: Final = 3
_CONTEXT: Final = get_context("spawn")
_GRACE: Final = 5.0
_LONGEST_WAIT: Final = 1.0


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    ready: bool = False
    task: Message | None = None
    since: float = field(default_factory=time.monotonic)


def run_tasks(
    prepare: Prepare,
    options: Message,
    tasks: Iterable[Message],
    *,
    workers: int,
    seconds: float = 120.0,
) -> Iterator[tuple[Message, Message]]:
    """Yield each task with its reply, as they are finished.

    A task whose process died is answered ``{"code": "crashed", "text": ...}``, one that took
    longer than `seconds` ``{"code": "timeout", ...}``; the process is replaced.

    Args:
        prepare: A function at the top of a module.
        options: For `prepare`.
        tasks: Taken one by one as processes become free.
        workers: How many processes.
        seconds: For one task.

    Raises:
        NevusError: `prepare` or a task raised it, or no process starts.
    """
    pool = _Pool(prepare, options, seconds)
    try:
        yield from pool.run(iter(tasks), workers)
    finally:
        pool.close()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let a process begin with Ctrl-C ignored: its parent ends it, and it prints no traceback."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Pool:
    """The processes of one `run_tasks`."""

    def __init__(self, prepare: Prepare, options: Message, seconds: float) -> None:
        self._prepare = prepare
        self._options = options
        self._seconds = seconds
        self._workers: list[_Worker] = []
        self._deaths = 0

    def run(self, tasks: Iterator[Message], count: int) -> Iterator[tuple[Message, Message]]:
        """Yield tasks with replies until all are done."""
        upcoming = next(tasks, None)
        while upcoming is not None or any(worker.task for worker in self._workers):
            while len(self._workers) < count and upcoming is not None:
                self._workers.append(self._start())
            for worker in self._workers:
                if worker.ready and worker.task is None and upcoming is not None:
                    self._give(worker, upcoming)
                    upcoming = next(tasks, None)
            yield from self._collect()

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            self._end(worker)
        self._workers.clear()

    def _start(self) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(
            target=_serve, args=(theirs, self._prepare, self._options), daemon=True
        )
        with _deaf_to_interrupts():
            process.start()
        # Else its end would stay open here, and its death go unnoticed.
        theirs.close()
        return _Worker(process, ours)

    def _give(self, worker: _Worker, task: Message) -> None:
        worker.task, worker.since = task, time.monotonic()
        # If it is dead already, reading from it says so.
        with suppress(OSError):
            worker.connection.send_bytes(json.dumps(task).encode())

    def _collect(self) -> Iterator[tuple[Message, Message]]:
        """Yield what is finished, after a moment's wait at most."""
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), _LONGEST_WAIT):
            # `wait` is declared to return sockets as well; it returns what it was given.
            worker = by_connection[connection]  # type: ignore[index]
            try:
                message: Message = json.loads(worker.connection.recv_bytes())
            except (EOFError, OSError):
                yield from self._bury(worker)
                continue
            _raise_errors(message)
            if worker.task is None:
                worker.ready = True
                continue
            task, worker.task = worker.task, None
            yield task, message
        yield from self._end_slow()

    def _bury(self, worker: _Worker) -> Iterator[tuple[Message, Message]]:
        self._workers.remove(worker)
        self._end(worker)
        if worker.task is not None:
            how = _describe_death(worker.process.exitcode)
            yield worker.task, {"code": "crashed", "text": f"reading it {how}"}
            return
        self._deaths += 1
        if self._deaths >= MOST_DEATHS_AT_START:
            raise UsageError(
                "the processes that analyse die at their start",
                hint="is there memory enough? fewer --workers need less",
            )

    def _end_slow(self) -> Iterator[tuple[Message, Message]]:
        now = time.monotonic()
        for worker in [one for one in self._workers if one.task is not None]:
            if now - worker.since > self._seconds and worker.task is not None:
                self._workers.remove(worker)
                worker.process.kill()
                self._end(worker)
                text = f"it took longer than {self._seconds:.0f} s and was given up"
                yield worker.task, {"code": "timeout", "text": text}

    def _end(self, worker: _Worker) -> None:
        # An idle process leaves when its connection closes, a busy one is not waited for.
        worker.connection.close()
        if worker.task is not None:
            worker.process.terminate()
        worker.process.join(_GRACE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join(_GRACE)


def _serve(connection: Connection, prepare: Prepare, options: Message) -> None:
    """Answer tasks until the connection closes; runs in the process."""
    # Ctrl-C reaches the whole group; the parent alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    # The parent may be gone: then nobody waits for an answer.
    with suppress(EOFError, OSError):
        try:
            answer = prepare(options)
            reply: Message = {}
            while True:
                connection.send_bytes(json.dumps(reply).encode())
                reply = answer(json.loads(connection.recv_bytes()))
        except NevusError as error:
            stopped = {"kind": type(error).__name__, "text": error.message, "hint": error.hint}
            connection.send_bytes(json.dumps({"stopped": stopped}).encode())


def _leave(number: int, _frame: FrameType | None) -> None:
    # By way of an exception, so that a file half written is removed.
    sys.exit(128 + number)


def _raise_errors(message: Message) -> None:
    stopped = message.get("stopped")
    if stopped is None:
        return
    kind = getattr(errors, stopped["kind"], NevusError)
    try:
        raise kind(stopped["text"], hint=stopped["hint"])
    except TypeError:
        raise NevusError(stopped["text"], hint=stopped["hint"]) from None


def _describe_death(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"ended its process (exit code {exit_code})"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"killed its process ({name})"
