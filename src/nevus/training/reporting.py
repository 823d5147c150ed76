"""Reporters that write: several at once, and TensorBoard."""

from collections.abc import Sequence
from pathlib import Path

from nevus.errors import MissingExtraError
from nevus.training.journal import Draw, Reporter, Values


class Reporters:
    """Passes everything on to several reporters.

    Args:
        members: Who is told, in this order.
    """

    def __init__(self, members: Sequence[Reporter]) -> None:
        self.members = tuple(members)

    def started(self, step: int, total: int) -> None:
        """Tell all."""
        for member in self.members:
            member.started(step, total)

    def stepped(self, step: int, terms: Values) -> None:
        """Tell all."""
        for member in self.members:
            member.stepped(step, terms)

    def validated(self, epoch: int, scores: Values, *, best: bool) -> None:
        """Tell all."""
        for member in self.members:
            member.validated(epoch, scores, best=best)

    def pictured(self, draw: Draw) -> None:
        """Tell all."""
        for member in self.members:
            member.pictured(draw)

    def noted(self, text: str) -> None:
        """Tell all."""
        for member in self.members:
            member.noted(text)


class TensorBoardReporter:
    """Writes scalars and sample overlays to RUN/tensorboard.

    Args:
        folder: The run folder.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError(
                "--tensorboard needs the tensorboard package",
                hint="python -m pip install 'nevus[tensorboard]'",
            ) from error
        self._writer = SummaryWriter(str(folder / "tensorboard"))
        self._step = 0

    def started(self, step: int, total: int) -> None:
        """Remember where the run stands."""
        self._step = step

    def stepped(self, step: int, terms: Values) -> None:
        """Write each loss term."""
        self._step = step
        for name, value in terms.items():
            self._writer.add_scalar(f"training/{name}", value, step)

    def validated(self, epoch: int, scores: Values, *, best: bool) -> None:
        """Write each score."""
        for name, value in scores.items():
            self._writer.add_scalar(f"validation/{name}", value, self._step)
        self._writer.flush()

    def pictured(self, draw: Draw) -> None:
        """Write the overlays: truth in cyan, prediction in yellow."""
        for index, picture in enumerate(draw()):
            self._writer.add_image(f"validation/{index}", picture, self._step, dataformats="HWC")

    def noted(self, text: str) -> None:
        """Write the line as text."""
        self._writer.add_text("notes", text, self._step)
