"""Small networks of every family, drawn with every combination of options that a spec allows."""

from typing import get_args

from hypothesis import strategies as st

from residua.nets.spec import (
    DenseNetSpec,
    FastSpec,
    Norm,
    Order,
    PlainSpec,
    ResNetSpec,
    ReversibleSpec,
    Shortcut,
    Spec,
    Stem,
    TiramisuSpec,
    UNetSpec,
)

NORMS = st.sampled_from(get_args(Norm))
STEMS = st.sampled_from(get_args(Stem))
CLASSES = st.integers(1, 5)
CHANNELS = st.integers(1, 4)


@st.composite
def plains(draw: st.DrawFn) -> PlainSpec:
    stage = st.lists(st.integers(1, 8), min_size=1, max_size=2).map(tuple)
    return PlainSpec(
        widths=tuple(draw(st.lists(stage, min_size=1, max_size=3))),
        norm=draw(NORMS),
        hidden=draw(st.integers(1, 8)),
        dropout=draw(st.sampled_from([0.0, 0.5])),
        in_channels=draw(CHANNELS),
        classes=draw(CLASSES),
    )


@st.composite
def resnets(draw: st.DrawFn, *, stages: int = 3) -> ResNetSpec:
    depths = draw(st.lists(st.integers(1, 2), min_size=1, max_size=stages))
    # Shortcut A only adds channels, so no width is below the one before it.
    widths = sorted(4 * draw(st.integers(1, 3)) for _ in depths)
    block, order, norm = (
        draw(st.sampled_from(["basic", "bottleneck"])),
        draw(st.sampled_from(get_args(Order))),
        draw(NORMS),
    )
    join = draw(st.sampled_from(["sum", "none"]))
    closed_by_norm = join == "sum" and norm != "none" and order in ("original", "relu_preact")
    return ResNetSpec(
        depths=tuple(depths),
        widths=tuple(widths),
        block=block,
        order=order,
        join=join,
        shortcut=draw(st.sampled_from(get_args(Shortcut))),
        stem=draw(STEMS),
        stem_width=4,
        norm=norm,
        groups=draw(st.sampled_from([1, 2, 4])) if block == "bottleneck" else 1,
        widen=draw(st.sampled_from([1, 2])) if block == "bottleneck" else 1,
        stochastic_depth=draw(st.sampled_from([0, 0.5])) if join == "sum" else 0,
        zero_init=closed_by_norm and draw(st.booleans()),
        skip_init=join == "sum" and draw(st.booleans()),
        in_channels=draw(CHANNELS),
        classes=draw(CLASSES),
    )


@st.composite
def densenets(draw: st.DrawFn) -> DenseNetSpec:
    return DenseNetSpec(
        depths=tuple(draw(st.lists(st.integers(1, 2), min_size=1, max_size=3))),
        growth=draw(st.integers(1, 4)),
        bottleneck=draw(st.booleans()),
        compression=draw(st.sampled_from([0.5, 1])),
        stem=draw(STEMS),
        stem_width=draw(st.integers(2, 8)),
        dropout=draw(st.sampled_from([0, 0.2])),
        in_channels=draw(CHANNELS),
        classes=draw(CLASSES),
    )


@st.composite
def unets(draw: st.DrawFn) -> UNetSpec:
    """Draw the form of the paper or one around an encoder, which has to halve the size at least once."""
    around = resnets().filter(lambda spec: spec.stem == "imagenet" or len(spec.depths) > 1)
    encoder = draw(st.none() | around)
    levels = draw(st.integers(1, 4))
    if encoder is not None:
        levels = len(encoder.depths) - 1 + (2 if encoder.stem == "imagenet" else 0)
    return UNetSpec(
        widths=tuple(draw(st.integers(1, 8)) for _ in range(levels)),
        join=draw(st.sampled_from(["concat", "sum", "none"])),
        block=draw(st.sampled_from(["plain", "residual"])),
        norm=draw(NORMS),
        encoder=encoder,
        in_channels=encoder.in_channels if encoder else draw(CHANNELS),
        classes=draw(CLASSES),
    )


@st.composite
def tiramisus(draw: st.DrawFn) -> TiramisuSpec:
    return TiramisuSpec(
        depths=tuple(draw(st.lists(st.integers(1, 2), min_size=1, max_size=4))),
        growth=draw(st.integers(1, 4)),
        stem_width=draw(st.integers(1, 8)),
        dropout=draw(st.sampled_from([0, 0.2])),
        in_channels=draw(CHANNELS),
        classes=draw(CLASSES),
    )


@st.composite
def reversibles(draw: st.DrawFn) -> ReversibleSpec:
    depths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    return ReversibleSpec(
        depths=tuple(depths),
        widths=tuple(draw(st.integers(1, 3)) for _ in depths),
        stem_width=draw(st.integers(1, 8)),
        in_channels=draw(CHANNELS),
        classes=draw(CLASSES),
    )


@st.composite
def fasts(draw: st.DrawFn) -> FastSpec:
    depths = draw(st.lists(st.integers(1, 2), min_size=1, max_size=3))
    return FastSpec(
        depths=tuple(depths),
        widths=tuple(draw(st.integers(1, 8)) for _ in depths),
        stem_width=draw(st.integers(1, 8)),
        in_channels=draw(CHANNELS),
        classes=draw(CLASSES),
    )


def specs() -> st.SearchStrategy[Spec]:
    return st.one_of(plains(), resnets(), densenets(), reversibles(), fasts(), unets(), tiramisus())
