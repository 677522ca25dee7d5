"""A fraction is never rounded to a whole number in silence."""

from typing import Any, Literal

import cyclopts
import pytest

from residua.cli.app import app
from residua.cli.numbers import exactly, takes

SPECS = [
    (int, True),
    (int | None, True),
    (int | Literal["auto"] | None, True),
    (list[int], True),
    (float | Literal["auto"] | None, False),
    (str | None, False),
]


@pytest.mark.parametrize(("kind", "whole"), SPECS)
def test_which_options_take_whole_numbers(kind: Any, whole: bool) -> None:
    assert takes(kind, int) == whole


def test_only_whole_numbers_pass_where_they_are_asked_for() -> None:
    assert exactly(int | None, [cyclopts.Token(value="3")]) == 3
    assert exactly(float | None, [cyclopts.Token(value="0.5")]) == 0.5
    with pytest.raises(ValueError, match=r"1\.5 is not a whole number"):
        exactly(int | Literal["auto"] | None, [cyclopts.Token(value="1.5")])


@pytest.mark.parametrize(
    "words",
    ["train digits --patience 2.5", "predict run a.png --top 1.0", "lab --seeds 1.5", "lab --depths 8 9.5"],
)
def test_every_verb_refuses_a_fraction(words: str) -> None:
    with pytest.raises(cyclopts.CycloptsError, match="is not a whole number"):
        app(words.split(), exit_on_error=False, print_error=False, result_action="return_value")
