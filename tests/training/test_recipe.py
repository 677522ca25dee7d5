"""What is chosen for a user, and what is refused."""

from dataclasses import fields, replace

import pytest

from residua.data import Preprocess, open_source
from residua.errors import BadInput
from residua.training import Settings
from residua.training.recipe import RECIPES, Recipe, RecipeName, broken_rule, refuse_nonsense
from residua.training.tasks import Classification, decide


def test_the_usual_learning_rate_is_that_of_the_batch_in_use() -> None:
    source = open_source("digits")
    preprocess = Preprocess.for_source(source)
    few = replace(source, splits=source.splits | {"train": source.splits["train"].chosen(list(range(5)))})

    def lr(settings: Settings, of: object = source) -> float:
        assert isinstance(of, type(source))
        task = Classification(source=of, preprocess=preprocess)
        return decide(task, replace(settings, device="cpu"), "digits")[0].lr

    assert lr(Settings(batch_size=32)) == pytest.approx(0.1)
    assert lr(Settings(batch_size=32, accumulate=4)) == pytest.approx(0.2)
    assert (
        lr(Settings(), few)
        == lr(Settings(batch_size=500), few)
        == pytest.approx(0.2 * (5 / 128) ** 0.5, rel=1e-4)
    )


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("epochs", 1.5, "it must be a whole number"),
        ("epochs", 0, "it must be at least 1"),
        ("ema", float("nan"), "it must be a finite number"),
        ("clip", float("-inf"), "it must be a finite number"),
        ("clip", -1, "it must not be negative"),
        ("early_size", 0, "it must be above 0 and at most 1"),
        ("early_size", 1.25, "it must be above 0 and at most 1"),
        ("seed", 0, None),
        ("lr", 1e-9, None),
    ],
)
def test_every_number_has_its_rule(name: str, value: float, rule: str | None) -> None:
    assert broken_rule(name, value) == rule


def test_a_word_must_be_one_that_is_known() -> None:
    settings = Settings()
    object.__setattr__(settings, "optimizer", "adam")  # as without the checks of types in these tests
    with pytest.raises(BadInput, match="--optimizer adam: it must be one of sgd, adamw, muon"):
        refuse_nonsense(settings)


def test_a_recipe_goes_before_the_usual_and_the_user_before_both() -> None:
    source = open_source("digits")
    task = Classification(source=source, preprocess=Preprocess.for_source(source))
    usual, _ = decide(task, Settings(device="cpu"), "digits")
    recipe, chosen = decide(task, Settings(device="cpu", recipe="fast", epochs=3, ema=0.5), "digits")
    fast = RECIPES["fast"]
    assert (recipe.recipe, recipe.epochs, recipe.ema) == ("fast", 3, 0.5)
    for name in fast.keys() - {"epochs", "ema"}:
        assert (getattr(recipe, name), chosen[name]) == fast[name]
    of_its_optimizer = {"batch_size", "lr", "momentum"}
    for name in {field.name for field in fields(Recipe)} - fast.keys() - of_its_optimizer - {"recipe"}:
        assert getattr(recipe, name) == getattr(usual, name)
    assert {"epochs", "ema", "recipe"}.isdisjoint(chosen)


def test_muon_has_its_own_batch_rate_and_momentum() -> None:
    source = open_source("digits")
    task = Classification(source=source, preprocess=Preprocess.for_source(source))
    recipe, why = decide(task, Settings(device="cpu", optimizer="muon"), "digits")
    assert (recipe.lr, recipe.momentum) == (0.2, 0.6)
    assert "SGD" not in why["lr"]
    with pytest.raises(BadInput, match="--sharded with Muon"):
        decide(task, Settings(device="cpu", optimizer="muon", sharded=True), "digits")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_settings_and_says_why(name: RecipeName) -> None:
    known = {field.name for field in fields(Settings)}
    assert RECIPES[name].keys() <= known
    assert all(why for _, why in RECIPES[name].values())
    refuse_nonsense(Settings(**{setting: value for setting, (value, _) in RECIPES[name].items()}))
