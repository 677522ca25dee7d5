"""The nearest names are the ones that a person meant."""

from residua.errors import UnknownName
from residua.nets.presets import PRESETS


def nearest(name: str) -> str:
    return str(UnknownName.among("network", name, PRESETS)).rpartition(" are ")[2]


def test_names_that_begin_with_what_was_given_come_first() -> None:
    assert nearest("resnext50").startswith("resnext50_32x4d")
    assert nearest("densenet").split(", ") == ["densenet121", "densenet161", "densenet169"]
    assert nearest("resnet51").startswith("resnet50")


def test_a_name_like_none_is_answered_with_all() -> None:
    assert len(nearest("?").split(", ")) == len(PRESETS)
