from collections.abc import Callable
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from residua import parts
from residua.errors import BadSpec
from residua.nets import spec as records
from residua.nets.spec import DenseNetSpec, PlainSpec, ResNetSpec, Spec, UNetSpec, smallest, stride

PLAIN = PlainSpec(widths=((8,), (16, 16)))
RESNET = ResNetSpec(depths=(2, 2), widths=(8, 16))
DENSENET = DenseNetSpec(depths=(2, 2), growth=4)
UNET = UNetSpec(widths=(8, 16, 32))
ENCODED = UNetSpec(widths=(8, 8, 8), encoder=RESNET)


@pytest.mark.parametrize("name", ["Norm", "Order", "Shortcut"])
def test_records_and_parts_know_the_same_names(name: str) -> None:
    assert get_args(getattr(records, name)) == get_args(getattr(parts, name))


@pytest.mark.parametrize("spec", [PLAIN, RESNET, DENSENET, UNET, ENCODED])
def test_the_family_is_written_into_the_json(spec: Spec) -> None:
    written = msgspec.json.encode(spec)
    assert msgspec.json.decode(written)["family"] in {"plain", "resnet", "densenet", "unet"}
    assert msgspec.json.decode(written, type=Spec) == spec


def test_json_with_an_impossible_network_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="one of each for every stage"):
        msgspec.json.decode(b'{"family": "resnet", "depths": [2], "widths": [8, 16]}', type=Spec)
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'D'"):
        msgspec.json.decode(b'{"family": "resnet", "depths": [2], "widths": [8], "shortcut": "D"}', type=Spec)


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        RESNET.classes = 5  # type: ignore[misc]


IMPOSSIBLE: list[tuple[Callable[[], Spec], str]] = [
    (lambda: replace(PLAIN, norm="layer"), "norm='layer'; it must be one of 'batch', 'group', 'none'"),
    (
        lambda: replace(RESNET, order="nonsense"),
        "order='nonsense'; it must be one of 'original', .*'full_preact'",
    ),
    (lambda: replace(RESNET, block="wide"), "block='wide'; it must be one of 'basic', 'bottleneck'"),
    (lambda: replace(DENSENET, stem="mnist"), "stem='mnist'; it must be one of 'cifar', 'imagenet'"),
    (lambda: replace(UNET, join="add"), "join='add'; it must be one of 'concat', 'sum', 'none'"),
    (lambda: replace(RESNET, classes=2.5), "classes of 2.5; it must be a whole number"),
    (lambda: replace(RESNET, classes="5"), "classes of '5'; it must be a whole number"),
    (lambda: replace(RESNET, depths=(2, 2.5)), "depths of 2.5; it must be a whole number"),
    (lambda: replace(PLAIN, widths=()), "widths of 0; there must be at least 1"),
    (lambda: replace(PLAIN, widths=((8,), ())), "widths of 0"),
    (lambda: replace(PLAIN, hidden=0), "hidden of 0"),
    (lambda: replace(PLAIN, dropout=1.0), "dropout of 1; it is a share"),
    (lambda: replace(PLAIN, classes=0), "classes of 0; there must be at least 1"),
    (lambda: replace(RESNET, depths=(), widths=()), "depths of 0"),
    (lambda: replace(RESNET, depths=(2, 0)), "depths of 0"),
    (lambda: replace(RESNET, depths=(2,)), "give one of each for every stage"),
    (lambda: replace(RESNET, in_channels=0), "in_channels of 0"),
    (lambda: replace(RESNET, groups=2), "both shape the middle of a bottleneck"),
    (lambda: replace(RESNET, widen=2), "both shape the middle of a bottleneck"),
    (lambda: replace(RESNET, block="bottleneck", groups=3), "the groups must divide them"),
    (lambda: replace(RESNET, block="bottleneck", widen=0.01), "the groups must divide them"),
    (lambda: replace(RESNET, stochastic_depth=1.0), "stochastic_depth of 1; it is a share"),
    (lambda: replace(RESNET, stochastic_depth=-0.5), "stochastic_depth of -0.5"),
    (lambda: replace(RESNET, join="none", skip_init=True), "nothing goes past it"),
    (lambda: replace(RESNET, join="none", zero_init=True), "nothing goes past it"),
    (lambda: replace(RESNET, join="none", stochastic_depth=0.5), "nothing goes past it"),
    (lambda: replace(RESNET, zero_init=True, norm="none"), "Take skip_init"),
    (lambda: replace(RESNET, zero_init=True, order="full_preact"), "Take skip_init"),
    (lambda: replace(DENSENET, growth=0), "growth of 0"),
    (lambda: replace(DENSENET, depths=()), "depths of 0"),
    (lambda: replace(DENSENET, compression=0), "compression of 0; it is a share"),
    (lambda: replace(DENSENET, compression=1.5), "compression of 1.5"),
    (lambda: replace(DENSENET, dropout=-1), "dropout of -1"),
    (lambda: replace(UNET, widths=()), "widths of 0"),
    (lambda: replace(ENCODED, widths=(8, 8)), "halves the size 3 times; give one for each halving"),
    (lambda: replace(ENCODED, in_channels=1), "give both the same"),
]


@pytest.mark.parametrize(("impossible", "reason"), IMPOSSIBLE, ids=range(len(IMPOSSIBLE)))
def test_what_cannot_be_built_is_refused_with_the_reason(impossible: Callable[[], Spec], reason: str) -> None:
    with pytest.raises(BadSpec, match=reason):
        impossible()


@pytest.mark.parametrize(
    ("spec", "times", "side"),
    [
        (PLAIN, 4, 4),
        (RESNET, 8, 5),
        (replace(RESNET, stem="cifar"), 2, 2),
        (DENSENET, 8, 5),
        (replace(DENSENET, stem="cifar"), 2, 2),
        (UNET, 4, 1),
        (ENCODED, 8, 1),
    ],
)
def test_how_much_smaller_a_network_makes_an_image(spec: Spec, times: int, side: int) -> None:
    assert (stride(spec), smallest(spec)) == (times, side)
