"""One error tree: every failure a user can cause or meet, each with its exit code.

The command line prints `str(error)` as one line and leaves with `exit_code`; anything that is
not a `NevusError` is a defect of nevus.
"""

from collections.abc import Sequence


class NevusError(Exception):
    """Root of all errors nevus raises on purpose.

    Args:
        message: One sentence: the thing, what was found, what was expected.
        hint: The way out, if there is one to name.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return message and hint on one line."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(NevusError):
    """An argument or option cannot be used as given."""


class ImageError(NevusError):
    """A photograph or mask cannot be read.

    Args:
        code: A short stable word for `errors.csv`, e.g. ``truncated``, ``too_large``.
        message: One sentence.
        hint: The way out.
    """

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class DataError(NevusError):
    """A data set is incomplete or contradictory.

    Args:
        message: One sentence.
        problems: Every single finding, so that all can be mended at once.
        hint: The way out.
    """

    def __init__(
        self, message: str, *, problems: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class RecipeError(NevusError):
    """A recipe has an unknown key, a wrong value, or does not exist."""


class WeightsError(NevusError):
    """Pretrained weights are missing or do not fit the network."""


class CheckpointError(NevusError):
    """A checkpoint is damaged, foreign, or does not fit."""


class ZooError(NevusError):
    """A packaged or exported model is missing, damaged or foreign."""


class TrainingError(NevusError):
    """Training cannot go on."""


class DiskFullError(NevusError):
    """A file could not be written because the disk is full."""


class RunLockedError(NevusError):
    """Another trainer is at work on the same run folder."""


class DownloadError(NevusError):
    """A file could not be fetched, or is not what was promised."""


class ArchiveError(NevusError):
    """An archive holds something that must not be unpacked."""


class SubmissionError(DataError):
    """A submission would be refused, or silently score zero."""


class MissingExtraError(NevusError):
    """A verb needs an optional dependency that is not installed."""


class SomeInputsFailedError(NevusError):
    """Some inputs failed, the rest is done; the failures stand in ``errors.csv``."""

    exit_code = 3


class InterruptedRunError(NevusError):
    """A signal stopped the run after its checkpoint was saved.

    Args:
        message: One sentence.
        signal_number: 2 (Ctrl-C) or 15 (SIGTERM); the exit code is 128 more.
        hint: How to go on.
    """

    def __init__(
        self,
        message: str,
        *,
        signal_number: int,
        hint: str = "run the same command with --resume to go on",
    ) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number
