import subprocess
import sys

import pytest

from residua.errors import UnknownName
from residua.nets.presets import PRESETS, spec
from residua.nets.spec import ResNetSpec


def test_every_name_has_its_spec() -> None:
    assert all(spec(name) is preset.spec for name, preset in PRESETS.items())


def test_no_network_stands_there_twice() -> None:
    rows = [preset.spec for preset in PRESETS.values()]
    assert len(set(rows)) == len(rows)


def test_listing_loads_no_pytorch() -> None:
    program = "import sys, residua.nets.presets; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "depths", "order", "join"),
    [
        ("plain8", (1, 1, 1), "original", "none"),
        ("resnet38_cifar", (6, 6, 6), "original", "sum"),
        ("resnet29_preact", (3, 3, 3), "full_preact", "sum"),
        ("resnet20_skipinit", (3, 3, 3), "original", "sum"),
    ],
)
def test_the_depth_is_part_of_the_name(name: str, depths: tuple[int, ...], order: str, join: str) -> None:
    member = spec(name)
    assert isinstance(member, ResNetSpec)
    assert (member.depths, member.order, member.join) == (depths, order, join)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("plain0", "plain8"),
        ("plain21", "plain20"),
        ("resnet55_cifar", "resnet56_cifar"),
        ("resnet100_preact", "resnet101_preact"),
        ("resnet1000_reversible", "resnet1001_reversible"),
    ],
)
def test_a_depth_that_does_not_fit_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(
        UnknownName, match=rf"'{name}': its depth must be \dn \+ 2; the nearest is {nearest}$"
    ):
        spec(name)
    assert spec(nearest)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("resnet51", "resnet50"), ("ResNet50", "resnet50"), ("densenet", "densenet121"), ("u-net", "unet")],
)
def test_a_name_nearly_right_is_answered_with_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(UnknownName, match=rf"no network is called '{name}'; the nearest names are .*{meant}"):
        spec(name)


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(UnknownName, match=r"the names are densenet121, .*wrn28_10"):
        spec("qqqq")
