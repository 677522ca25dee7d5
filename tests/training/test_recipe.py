"""What is chosen for a user, and what is refused."""

from dataclasses import replace

import pytest

from residua.data import Preprocess, open_source
from residua.errors import BadInput
from residua.training import Settings
from residua.training.recipe import broken_rule, refuse_nonsense
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
        ("seed", 0, None),
        ("lr", 1e-9, None),
    ],
)
def test_every_number_has_its_rule(name: str, value: float, rule: str | None) -> None:
    assert broken_rule(name, value) == rule


def test_a_word_must_be_one_that_is_known() -> None:
    settings = Settings()
    object.__setattr__(settings, "optimizer", "adam")  # as without the checks of types in these tests
    with pytest.raises(BadInput, match="--optimizer adam: it must be one of sgd, adamw"):
        refuse_nonsense(settings)
