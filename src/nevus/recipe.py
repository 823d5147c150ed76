"""Recipes: short strict TOML files that say everything about a training run.

A recipe is a file or the name of one that ships under `nevus/recipes`. Unknown keys are refused
with a suggestion; `--set key=value` overrides single values; the whole resolved recipe is stored
with the run and in every checkpoint.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError, model_validator

from nevus.errors import RecipeError
from nevus.options import (
    AdversarialOptions,
    AttributeOptions,
    AugmentationOptions,
    ClassificationOptions,
    GalleryOptions,
    InputOptions,
    NetworkOptions,
    OptimizerOptions,
    PredictionOptions,
    Section,
    SupervisedOptions,
    TrainingOptions,
    TripletOptions,
)

NETWORKS: dict[str, tuple[str, ...]] = {
    "segmentation": ("unet", "deeplabv3plus"),
    "attributes": ("attributes",),
    "diagnosis": ("diagnosis",),
}
"""The networks of each task, by the names of `nevus.models.build.MODELS`."""


class Recipe(Section):
    """Everything a run needs besides data and folder."""

    name: str
    task: Literal["segmentation", "attributes", "diagnosis"]
    learner: str
    about: str = ""
    input: InputOptions
    augmentation: AugmentationOptions = AugmentationOptions()
    network: NetworkOptions = NetworkOptions()
    optimizer: OptimizerOptions = OptimizerOptions()
    adversarial: AdversarialOptions = AdversarialOptions()
    supervised: SupervisedOptions = SupervisedOptions()
    attributes: AttributeOptions = AttributeOptions()
    classification: ClassificationOptions = ClassificationOptions()
    triplets: TripletOptions = TripletOptions()
    gallery: GalleryOptions = GalleryOptions()
    training: TrainingOptions
    prediction: PredictionOptions = PredictionOptions()

    @model_validator(mode="after")
    def _maps_cover_the_photograph(self) -> "Recipe":
        if self.task != "diagnosis" and self.input.fit != "stretch":
            raise ValueError(f"input.fit {self.input.fit!r} is for diagnosis: maps need every edge")
        return self

    @model_validator(mode="after")
    def _network_fits_the_task(self) -> "Recipe":
        for task, names in NETWORKS.items():
            if self.network.name in names and task != self.task:
                raise ValueError(
                    f"network.name {self.network.name!r} is for task {task}, not {self.task}; "
                    f"expected {' or '.join(NETWORKS[self.task])}"
                )
        if self.task == "segmentation" and self.network.outputs != 1:
            raise ValueError(
                f"network.outputs is {self.network.outputs}, segmentation has one map: 1"
            )
        return self

    @model_validator(mode="after")
    def _start_is_looked_at(self) -> "Recipe":
        if self.supervised.start_from and self.learner != "supervised":
            raise ValueError(
                "supervised.start_from is for learner supervised, "
                f"{self.learner} does not look at it"
            )
        return self


def find_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that ship, sorted."""
    folder = resources.files("nevus") / "recipes"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def read_recipe(source: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Return a checked recipe.

    Args:
        source: A TOML file, or the name of a recipe that ships (``segan-paper``).
        overrides: ``key=value`` pairs, dotted keys, TOML values: ``training.epochs=3``.

    Raises:
        RecipeError: The recipe does not exist, is no TOML, or has an unknown key or wrong value.
    """
    values = _load_toml(str(source))
    for override in overrides:
        _apply_override(values, override)
    return make_recipe(values, origin=str(source))


def make_recipe(values: Mapping[str, Any], *, origin: str) -> Recipe:
    """Return a checked recipe from plain values; `origin` names it in errors.

    Raises:
        RecipeError: A key is unknown or a value wrong; all of them are named.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        lines = [_describe(item) for item in error.errors()]
        raise RecipeError(f"recipe {origin}: {'; '.join(lines)}") from error


def _load_toml(source: str) -> dict[str, Any]:
    name = source.removesuffix(".toml")
    shipped = resources.files("nevus") / "recipes" / f"{name}.toml"
    path = Path(source)
    try:
        if path.suffix == ".toml" and path.is_file():
            text = path.read_text(encoding="utf-8")
        elif name in find_recipes():
            text = shipped.read_text(encoding="utf-8")
        else:
            raise _unknown_recipe(source)
        return tomllib.loads(text)
    # ValueError: no UTF-8, no TOML, a number of thousands of digits. RecursionError: [[[[[...
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"recipe {source} is no valid TOML: {error}") from error


def _unknown_recipe(source: str) -> RecipeError:
    known = find_recipes()
    near = difflib.get_close_matches(source, known, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    return RecipeError(
        f"there is no recipe {source!r}, neither a .toml file nor one that ships",
        hint=f"{guess}shipped: {', '.join(known)}",
    )


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise RecipeError(f"--set {override!r} is no key=value", hint="--set training.epochs=3")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        # A bare word is what people type for a string; TOML would want quotes.
        value = text.strip()
    *sections, last = key.strip().split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise RecipeError(f"--set {override!r}: {section} is a value, not a section")
        values = inner
    values[last] = value


def _describe(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg']} (found {error['input']!r})" if where else error["msg"]
    section: type[BaseModel] = Recipe
    for part in error["loc"][:-1]:
        annotation = section.model_fields[str(part)].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            section = annotation
    known = list(section.model_fields)
    near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
    before = "".join(f"{part}." for part in error["loc"][:-1])
    guess = f"did you mean {before}{near[0]}?" if near else f"known: {', '.join(known)}"
    return f"unknown key {where}; {_find_elsewhere(str(error['loc'][-1])) or guess}"


def _find_elsewhere(key: str) -> str:
    """Return where a key of that very name is, as people leave its section out."""
    places = [
        f"{name}.{key}"
        for name, field in Recipe.model_fields.items()
        if isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
        and key in field.annotation.model_fields
    ]
    return f"did you mean {' or '.join(places)}?" if places else ""
