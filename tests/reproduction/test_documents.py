"""The commands that docs/reproduce.md prints still mean what was run when they were written."""

import re
import shlex
from pathlib import Path

import pytest

from nevus.recipe import Recipe, read_recipe
from nevus.reproduction.rows import read_table
from nevus.reproduction.trainings import Asked, make_training

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "reproduce.md"
RUN = re.compile(
    r"^nevus train (?P<recipe>\S+) --data \S+ "
    r"--out \S+/(?P<table>table\d)-(?P<run>[a-z0-9-]+)-compact-(?P<fold>\d)of(?P<folds>\d)-\S+ .*$",
    re.MULTILINE,
)
TABLES = {name: read_table(name) for name in ("table1", "table2", "table3")}
COMMANDS = sorted({match.group(0) for match in RUN.finditer(PAGE.read_text(encoding="utf-8"))})


def strip(recipe: Recipe) -> dict[str, object]:
    """Return a recipe without where its weights start from: a path of the run."""
    values = recipe.model_dump(mode="json", exclude={"about"})
    values["attributes"].pop("start_from")
    return values


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("command", COMMANDS, ids=lambda text: text.split()[6].split("/")[-1])
def test_a_printed_training_is_the_table_s(command: str) -> None:
    match = RUN.fullmatch(command)
    assert match is not None
    words = shlex.split(command)
    changes = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    asked = Asked("compact", int(match["folds"]), ("training.workers=1",))
    known = dict.fromkeys(("segmentation", "attributes", "diagnosis"), "")
    wanted = make_training(
        TABLES, match["table"], match["run"], asked, int(match["fold"]), known
    ).recipe
    assert strip(read_recipe(match["recipe"], changes)) == strip(wanted)
