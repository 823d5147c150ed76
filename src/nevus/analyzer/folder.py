"""Many photographs to a folder of results, one bad file not stopping the rest."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nevus.analysis.results import Analysis
from nevus.analyzer import claims
from nevus.analyzer.analyzer import Analyzer
from nevus.analyzer.casebook import read_similar
from nevus.analyzer.ledger import Done, Ledger, make_settings
from nevus.analyzer.naming import Input
from nevus.analyzer.options import Options, choose_workers
from nevus.analyzer.outputs import (
    KEPT,
    SHEETS,
    list_outputs,
    read_answer,
    read_sheet,
    remove_outputs,
    write_outputs,
)
from nevus.analyzer.workers import Answer, Message, run_tasks
from nevus.errors import ImageError, NevusError, UsageError
from nevus.imaging.files import remove_partials
from nevus.imaging.reading import describe, read_bytes
from nevus.inference.inputs import Failure
from nevus.runtime.zoo import read_zoo

Progress = Callable[[int, int], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a call.

    Attributes:
        out: Folder of results.
        inputs: All photographs asked for, in order.
        kept: How many had been done before.
        replaced: How many had been another file when they were analysed before.
        failures: Those that could not be analysed, in order.
        changes: What differs from the call before.
    """

    out: Path
    inputs: tuple[Input, ...]
    kept: int
    replaced: int
    failures: tuple[Failure, ...]
    changes: tuple[str, ...]

    def answers(self) -> Iterator[tuple[Input, Analysis]]:
        """Yield every photograph that was analysed with its answer, read from its file."""
        failed = {failure.path for failure in self.failures}
        for one in self.inputs:
            answer = None if one.path in failed else read_answer(self.out, one.stem)
            if answer is not None:
                yield one, answer


def analyze_folder(
    inputs: Sequence[Input],
    out: Path,
    options: Options,
    *,
    workers: int | None = None,
    threads: int | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
    changed: Callable[[list[str]], None] | None = None,
) -> Outcome:
    """Write the results of each photograph as it is done; what was done before is kept.

    Kept is a photograph whose file, name, settings and models are those of an earlier call into
    the same folder, and whose results are all still there.

    Args:
        inputs: Photographs.
        out: Folder, made if needed.
        options: How to analyse.
        workers: See `choose_workers`.
        threads: See `choose_workers`.
        fresh: Do everything again.
        progress: Called with (done, total), also for what is kept.
        changed: Called with what differs from the settings of the call before, if anything does.

    Raises:
        ZooError: Models are missing or damaged.
        DiskFullError: There is no room.
        UsageError: The folder holds files of other origin that would be replaced.
    """
    processes, threads = choose_workers(len(inputs), workers, threads)
    # Before any folder is made: most wrong use ends here.
    settings = make_settings(read_zoo(options.models).cards, options)
    claims.require_ours(out, inputs)
    _make_folder(out)
    claims.claim(out, inputs)
    ledger = Ledger(out, settings)
    changes = _compare_settings(ledger, fresh=fresh)
    if changes and changed:
        changed(changes)
    known = ledger.read()
    todo = _find_undone(inputs, out, options, known, ledger.digest)
    kept = done = len(inputs) - len(todo)
    replaced = 0
    failures: dict[int, Failure] = {}
    for task, reply in _run(todo, out, options, processes, threads):
        if progress:
            progress(done, len(inputs))
        one = inputs[task["place"]]
        if "code" in reply:
            text = f"{describe(one.path)}: {reply['text']}"
            failures[task["place"]] = Failure(one.path, reply["code"], text)
            # An answer about what the file was before would look like one of this call.
            remove_outputs(out, one.stem)
        else:
            ledger.add(one.stem, one.name, reply["sha256"])
            replaced += one.stem in known and known[one.stem].sha256 != reply["sha256"]
        done += 1
    if progress:
        progress(done, len(inputs))
    ordered = tuple(failures[place] for place in sorted(failures))
    return Outcome(out, tuple(inputs), kept, replaced, ordered, tuple(changes))


def _compare_settings(ledger: Ledger, *, fresh: bool) -> list[str]:
    """Return what differs from the call before, whose settings are then forgotten."""
    changes = [] if fresh else ledger.find_changes()
    if fresh:
        ledger.forget()
    ledger.keep_settings()
    return changes


def prepare(options: Message) -> Answer:
    """Return what analyses one photograph and writes its results; called in each process."""
    chosen = Options.from_json(options["options"])
    out, threads = Path(options["out"]), int(options["threads"])
    analyzer = chosen.make_analyzer(threads)

    def answer(task: Message) -> Message:
        try:
            return _analyze_one(analyzer, chosen, out, task)
        except ImageError as error:
            return {"code": error.code, "text": error.message.removeprefix(f"{task['name']}: ")}
        except MemoryError:
            return {"code": "too_many_pixels", "text": "not enough memory to analyse it"}
        except NevusError:
            raise
        except Exception as error:
            # A defect of nevus; it costs this photograph and is told, the others go on.
            _log.exception("a photograph could not be analysed")
            return {"code": "defect", "text": f"nevus itself failed ({type(error).__name__})"}

    return answer


def _analyze_one(analyzer: Analyzer, options: Options, out: Path, task: Message) -> Message:
    data = read_bytes(Path(task["path"]), options.limits)
    found = analyzer.analyze(data, name=task["name"])
    near = [case.image_id for case in found.analysis.similar]
    similar = read_similar(options.photographs, near) if options.wanted.sheet else {}
    try:
        write_outputs(found, task["stem"], out, options.wanted, similar)
    except OSError as error:
        raise UsageError(f"cannot write into {str(out)!r}: {error.strerror}") from error
    return {"sha256": hashlib.sha256(data).hexdigest()}


def _run(
    todo: Sequence[Message], out: Path, options: Options, processes: int, threads: int
) -> Iterator[tuple[Message, Message]]:
    given = {"options": options.to_json(), "out": str(out), "threads": threads}
    if not todo:
        return
    if processes:
        yield from run_tasks(prepare, given, todo, workers=min(processes, len(todo)))
        return
    answer = prepare(given)
    for task in todo:
        yield task, answer(task)


def _find_undone(
    inputs: Sequence[Input],
    out: Path,
    options: Options,
    known: Mapping[str, Done],
    settings: str,
) -> list[Message]:
    """Return a task for each photograph whose results are missing, old or of other settings."""
    return [
        {"place": place, "path": str(one.path), "name": one.name, "stem": one.stem}
        for place, one in enumerate(inputs)
        if not _is_done(one, known.get(one.stem), out, options, settings)
    ]


def _is_done(one: Input, done: Done | None, out: Path, options: Options, settings: str) -> bool:
    if done is None or done.name != one.name or done.settings != settings:
        return False
    answer = read_answer(out, one.stem)
    if answer is None:
        return False
    try:
        data = read_bytes(one.path, options.limits)
    except ImageError:
        return False
    if hashlib.sha256(data).hexdigest() != done.sha256:
        return False
    if options.wanted.sheet and read_sheet(out, one.stem) is None:
        return False
    return all(path.is_file() for path in list_outputs(out, one.stem, answer, options.wanted))


def _make_folder(out: Path) -> None:
    try:
        (out / KEPT).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{str(out)!r} cannot be made a folder: {error.strerror}", hint="name another --out"
        ) from error
    for folder in (out, out / KEPT, out / KEPT / SHEETS):
        remove_partials(folder)
