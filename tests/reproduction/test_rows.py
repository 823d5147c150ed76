"""The tables as data: every row resolves at every scale, and says what the paper says."""

import re
from pathlib import Path

import pytest

from nevus.errors import RecipeError, UsageError
from nevus.inference.postprocess import check_steps
from nevus.recipe import read_recipe
from nevus.reproduction.jobs import Job, make_jobs
from nevus.reproduction.rows import SCALES, TABLES, TableSpec, merge, parse_table, read_table
from nevus.reproduction.scoring import NAMED_STEPS
from nevus.reproduction.trainings import Asked, Place, fingerprint, make_training

SPECS = {name: read_table(name) for name in TABLES}
KNOWN = {"segmentation": "a", "attributes": "b", "diagnosis": "c"}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", TABLES)
def test_every_run_is_a_recipe(name: str, scale: str) -> None:
    table = SPECS[name]
    for row in table.rows_at(scale):
        for run in row.runs:
            training = make_training(SPECS, name, run, Asked(scale), 0, KNOWN)
            assert training.recipe.task == table.task
            again = read_recipe(training.recipe_name, training.changes)
            assert again == training.recipe
        if table.task == "segmentation":
            steps = NAMED_STEPS[row.steps] if isinstance(row.steps, str) else row.steps
            check_steps(steps)


def test_the_papers_figures() -> None:
    figures = {
        (name, row.name): row.paper for name in TABLES for row in SPECS[name].rows if row.paper
    }
    assert figures == {
        ("table1", "deeplab"): 0.77, ("table1", "segan"): 0.80, ("table1", "ensemble"): 0.81,
        ("table2", "vgg"): 0.37, ("table2", "multitask"): 0.43,
        ("table3", "cross-entropy"): 0.88, ("table3", "triplets"): 0.92,
    }  # fmt: skip
    assert len(SPECS["table1"].row("ensemble").runs) == 6


@pytest.mark.parametrize("name", TABLES)
def test_compact_rows_of_a_table_take_the_same_steps(name: str) -> None:
    runs = {run for row in SPECS[name].rows_at("compact") for run in row.runs}
    lengths = set()
    said = re.search(r"(\d+) steps of (\d+)", SPECS[name].scales["compact"].about)
    assert said
    for run in runs:
        training = make_training(SPECS, name, run, Asked("compact"), 0, KNOWN)
        options = training.recipe.training
        lengths.add((options.epochs, options.epoch_steps, options.batch_size, options.ema_decay))
        assert options.epoch_steps * options.epochs == int(said[1])
        assert options.batch_size == int(said[2])
    assert len(lengths) == 1


@pytest.mark.parametrize("scale", ["compact", "paper"])
def test_ablations_change_one_thing(scale: str) -> None:
    def changed(first: str, second: str) -> set[str]:
        recipes = [
            make_training(SPECS, "table1", run, Asked(scale), 0, KNOWN).recipe.model_dump()
            for run in (first, second)
        ]
        return {
            f"{section}.{key}" if isinstance(value, dict) else section
            for section, value in recipes[0].items()
            for key in (value if isinstance(value, dict) else [""])
            if (value[key] if key else value)
            != (recipes[1][section][key] if key else recipes[1][section])
        }

    assert changed("segan", "pixel") - {"supervised.losses"} == {"learner"}
    assert changed("segan", "no-squeeze") == {"network.squeeze_excite"}
    assert changed("segan-dice", "hard-mining") == {"training.hard_mining"}
    assert changed("segan", "clamp-none") == {"adversarial.clamp"}
    assert changed("segan", "no-freeze") == {"training.freeze_encoder_epochs"}
    assert changed("segan", "segan-seed1") == {"training.seed"}


def test_keys_tell_trainings_apart() -> None:
    def key(run: str, asked: Asked | None = None, fold: int = 0, data: str = "a") -> str:
        known = {**KNOWN, "segmentation": data}
        return make_training(SPECS, "table1", run, asked or Asked(), fold, known).key

    keys = [
        key("segan"), key("pixel"), key("segan-seed1"), key("segan", fold=1),
        key("segan", data="x"), key("segan", Asked(folds=5)), key("segan", Asked("paper")),
        key("segan", Asked(changes=("training.precision=bfloat16",))),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert key("segan") == key("segan")


def test_a_start_hangs_on_its_training(tmp_path: Path) -> None:
    start = make_training(SPECS, "table2", "start", Asked(), 0, KNOWN)
    assert start.start is not None
    assert start.start.name.startswith("table1-segan-dice-compact-0of2-")
    other = make_training(SPECS, "table2", "start", Asked(), 0, {**KNOWN, "segmentation": "x"})
    assert other.key != start.key
    place = Place(tmp_path, tmp_path / "out")
    recipe = start.read_recipe(place)
    assert Path(recipe.attributes.start_from) == place.checkpoint(start.start)
    assert recipe.network.encoder == start.start.recipe.network.encoder
    assert recipe.network.squeeze_excite == start.start.recipe.network.squeeze_excite


def test_changes_for_one_encoder() -> None:
    asked = Asked("paper", changes=("vgg19:network.pretrained=x.safetensors",))
    segan = make_training(SPECS, "table1", "segan", asked, 0, KNOWN)
    assert segan.recipe.network.pretrained == "x.safetensors"
    triplets = make_training(SPECS, "table3", "triplets", asked, 0, KNOWN)
    assert triplets.recipe.network.pretrained is True
    from_scratch = Asked("paper", changes=("resnet101:network.pretrained=x.safetensors",))
    deeplab = make_training(SPECS, "table1", "deeplab", from_scratch, 0, KNOWN)
    assert deeplab.recipe.network.pretrained is False
    with pytest.raises(UsageError, match="ENCODER"):
        make_training(SPECS, "table1", "segan", Asked(changes=("nonsense",)), 0, KNOWN)
    with pytest.raises(RecipeError, match=r"did you mean training\.epochs"):
        make_training(SPECS, "table1", "segan", Asked(changes=("training.epoch=1",)), 0, KNOWN)


def test_the_most_informative_come_first(isic: Path) -> None:
    jobs = make_jobs(SPECS, TABLES, Asked("tiny"), isic / "isic2018")
    names = [(job.table.name, job.row.name, job.fold[0]) for job in jobs]
    assert len(set(names)) == len(names)
    assert {name[:2] for name in names[:6]} == {
        ("table1", "pixel"), ("table1", "segan"), ("table2", "vgg"), ("table2", "multitask"),
        ("table3", "cross-entropy"), ("table3", "triplets"),
    }  # fmt: skip
    assert {name[2] for name in names[:6]} == {0}
    assert [job.tier for job in jobs] == sorted(job.tier for job in jobs)


def test_rows_share_trainings(isic: Path) -> None:
    jobs = make_jobs(SPECS, ["table1", "table3"], Asked("tiny"), isic / "isic2018")
    by_name = {(job.row.name, job.fold[0]): job for job in jobs}

    def keys(job: Job) -> set[str]:
        return {training.key for training in job.trainings}

    assert keys(by_name["segan", 0]) == keys(by_name["segan-crf", 0])
    assert keys(by_name["segan", 0]) < keys(by_name["ensemble", 0])
    assert keys(by_name["triplets", 1]) == keys(by_name["gallery-20", 1])
    assert by_name["segan", 0].key != by_name["segan-crf", 0].key
    assert by_name["segan", 0].recipe_key == by_name["segan", 1].recipe_key


def test_unknown_rows_and_tables(isic: Path) -> None:
    with pytest.raises(UsageError, match="no row 'segam'"):
        make_jobs(SPECS, ["table1"], Asked("tiny"), isic / "isic2018", rows=["segam"])
    with pytest.raises(UsageError, match="table4"):
        read_table("table4")


TABLE = """
name = "t"
title = "T"
task = "segmentation"
metric = "m"
paper_n = 1
claims = []
[scales.tiny]
about = "x"
recipe = "segan-tiny"
[runs.one]
[[rows]]
name = "a"
title = "A"
group = "paper"
runs = ["one"]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('group = "paper"', 'group = "paper"\ncolour = 1', "rows.0.colour"),
        ('runs = ["one"]', 'runs = ["two"]', "nothing is named two"),
        ('runs = ["one"]', "runs = []", "runs"),
        ("[runs.one]", '[runs.one]\nlike = "three"', "three"),
        ("paper_n = 1", "paper_n =", "no valid TOML"),
    ],
)
def test_tables_are_strict(old: str, new: str, message: str) -> None:
    assert isinstance(parse_table(TABLE, origin="t"), TableSpec)
    with pytest.raises(RecipeError, match=message):
        parse_table(TABLE.replace(old, new), origin="t")


def test_merge_keeps_the_last() -> None:
    assert merge(["a=1", "b=2", "a=3"]) == ("a=3", "b=2")


def test_fingerprint(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"12")
    two.write_bytes(b"123")
    plain = fingerprint([("a", [one]), ("b", [two])])
    assert fingerprint([("b", [two]), ("a", [one])]) == plain
    assert fingerprint([("a", [two]), ("b", [one])]) != plain
