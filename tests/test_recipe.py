from pathlib import Path

import pytest

from nevus.errors import RecipeError
from nevus.inference.postprocess import check_steps
from nevus.models.build import MODELS
from nevus.recipe import NETWORKS, find_recipes, make_recipe, read_recipe
from nevus.training.learners import LEARNERS


@pytest.mark.parametrize("name", find_recipes())
def test_every_shipped_recipe_is_whole(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.learner in LEARNERS
    assert recipe.network.name in MODELS
    assert recipe.about
    check_steps(recipe.prediction.steps)
    assert make_recipe(recipe.model_dump(mode="json"), origin=name) == recipe


def test_paper_numbers() -> None:
    recipe = read_recipe("segan-paper")
    assert recipe.input.size == (296, 336)
    assert recipe.input.crop == (224, 224)
    assert (recipe.training.batch_size, recipe.training.freeze_encoder_epochs) == (25, 50)
    assert (recipe.optimizer.name, recipe.optimizer.lr) == ("adam", 1e-3)
    assert recipe.optimizer.schedule == "linear"
    assert recipe.adversarial.clamp == 0.05
    assert recipe.adversarial.dice_weight == 0
    assert read_recipe("segan-authors").adversarial.dice_weight == 1
    assert read_recipe("deeplab-paper").supervised.losses == {"cross_entropy": 1.0}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "unknown key training.epoch; did you mean training.epochs"),
        ("epochs=3", "unknown key epochs; did you mean training.epochs"),
        ("trainig.epochs=3", "unknown key trainig; did you mean training"),
        ("training.epochs=soon", "training.epochs"),
        ("training.epochs", "no key=value"),
        ("name.x=1", "is a value, not a section"),
        ("input.crop=[500, 500]", "larger than size"),
        ("training.accumulation=3", "no multiple"),
    ],
)
def test_wrong_overrides_are_explained(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_recipe("segan-tiny", [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("augmentation.scale=[0, 1]", r"augmentation\.scale\.0"),
        ("augmentation.scale=[nan, 1]", r"augmentation\.scale\.0: .*finite"),
        ("augmentation.saturation=1e300", r"augmentation\.saturation"),
        ("input.std=[0, 0, 0]", r"input\.std\.2"),
        ("input.mean=[inf, 1, 1]", r"input\.mean\.0"),
        ("input.size=[1000000, 64]", r"input\.size\.0"),
        ("optimizer.lr=inf", r"optimizer\.lr"),
        ("network.decoder_channels=[0, 8, 8, 8]", r"network\.decoder_channels\.0"),
        ("adversarial.critic_channels=[]", r"adversarial\.critic_channels"),
        ("network.outputs=2", r"network\.outputs is 2"),
        ("network.name=diagnosis", r"network\.name 'diagnosis' is for task diagnosis"),
        ("task=diagnosis", r"network\.name 'unet' is for task segmentation, not diagnosis"),
    ],
)
def test_values_that_cannot_train_are_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_recipe("segan-tiny", [override])


@pytest.mark.parametrize("sign", ["9", "["])
def test_values_that_toml_cannot_read_are_refused_by_name(sign: str) -> None:
    with pytest.raises(RecipeError, match=r"training\.epochs"):
        read_recipe("segan-tiny", [f"training.epochs={sign * 5000}"])


def test_every_network_has_its_task() -> None:
    assert sorted(name for names in NETWORKS.values() for name in names) == sorted(MODELS)


def test_overrides_take_toml_values() -> None:
    recipe = read_recipe(
        "segan-tiny", ["training.epochs=7", "network.encoder=vgg11", "input.crop=[40, 40]"]
    )
    assert recipe.training.epochs == 7
    assert recipe.network.encoder == "vgg11"
    assert recipe.input.crop == (40, 40)


def test_misspelt_recipe_is_guessed() -> None:
    with pytest.raises(RecipeError, match="did you mean segan-paper"):
        read_recipe("segan-papr")


def test_own_recipe_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("this is = no toml [", encoding="utf-8")
    with pytest.raises(RecipeError, match="no valid TOML"):
        read_recipe(path)
    for value in ("9" * 5000, "[" * 5000):
        path.write_text(f"name = {value}", encoding="utf-8")
        with pytest.raises(RecipeError, match="no valid TOML"):
            read_recipe(path)
