"""The table of everything: documented, whole, and true to the answer."""

from pathlib import Path

import numpy as np

from nevus.analysis.wording import FLAG_WORDS
from nevus.analyzer.analyzer import Analyzer
from nevus.analyzer.naming import Input
from nevus.analyzer.tables import make_row
from nevus.labels import ATTRIBUTES

DOCUMENT = Path(__file__).parents[2] / "docs" / "analyze.md"


def test_every_column_is_explained(analyzer: Analyzer, dermoscopy: np.ndarray) -> None:
    row = make_row(Input(Path("a.png"), "a.png", "a"), analyzer.analyze(dermoscopy).analysis)
    text = DOCUMENT.read_text(encoding="utf-8")
    common = {f"{name}_{end}" for name in ATTRIBUTES for end in ("probability", "area_share")}
    assert common < set(row)
    missing = [name for name in row if name not in common and f"`{name}`" not in text]
    assert not missing


def test_every_flag_is_named() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [code for code in FLAG_WORDS if f"`{code}`" not in text]
