"""`nevus models`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nevus.labels import NOTICE

if TYPE_CHECKING:
    from nevus.runtime.zoo import ModelCard

MOST_SCORES = 4
MISSING = "not said"


def models(
    folder: Annotated[
        Path | None, typer.Option("--models", help="A folder of models; default those that ship.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List models with their training data, licence and scores; their files are checked.

    Example: nevus models --models exported
    """
    from nevus.runtime.zoo import read_zoo, verify

    zoo = read_zoo(folder)
    for card in zoo.models:
        verify(card)
    answering = {card.path: [] for card in zoo.models}  # type: dict[Path, list[str]]
    for task, card in zoo.cards.items():
        answering[card.path].append(task)
    if as_json:
        listed = [describe(card, answering[card.path]) for card in zoo.models]
        document = {"notice": NOTICE, "folder": str(zoo.folder), "models": listed}
        typer.echo(json.dumps(document, indent=1, allow_nan=False))
        return
    for card in zoo.models:
        for line in tell(card, answering[card.path]):
            typer.echo(line)
    typer.echo(NOTICE)


def describe(card: "ModelCard", answering: list[str]) -> dict[str, Any]:
    """Return a card as JSON values, without what only the runtime needs."""
    return {
        "name": card.name,
        "task": card.task,
        "answers": answering,
        "file": card.path.name,
        "bytes": card.bytes,
        "sha256": card.sha256,
        "weights": card.weights,
        "arithmetic": card.arithmetic,
        "difference": card.difference,
        "size": list(card.preparation.size),
        "views": len(card.views),
        "nevus": card.version,
        **{key: card.about.get(key) for key in ("recipe", "data", "licence", "scores")},
    }


def tell(card: "ModelCard", answering: list[str]) -> list[str]:
    """Return a card as lines for a person."""
    about = card.about
    (height, width), count = card.preparation.size, len(card.views)
    return [
        f"{card.name}: {', '.join(answering) or 'answers nothing'}",
        f"  file     {card.path.name}, {card.bytes / 1e6:.1f} MB, sha256 {card.sha256[:16]}..., "
        f"weights in {card.weights}, encoder computed in {card.arithmetic}",
        f"  sees     {height} x {width} pixels, {count} view{'s' if count > 1 else ''}",
        f"  recipe   {about.get('recipe', MISSING)}",
        f"  data     {about.get('data', MISSING)}",
        f"  licence  {about.get('licence', MISSING)}",
        f"  scores   {_tell_scores(about.get('scores'))}",
    ]


def _tell_scores(scores: Any) -> str:
    if not isinstance(scores, dict) or not scores:
        return MISSING
    told = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in scores.items()
        if isinstance(value, int | float | str)
    ]
    rest = len(scores) - MOST_SCORES
    shown = told[:MOST_SCORES]
    return ", ".join(shown) + (f" and {rest} more (--json)" if rest > 0 else "")
