"""VGG (Simonyan & Zisserman 2014, arXiv:1409.1556, table 1): the nets that residual ones replaced."""

from torch import nn

from residua.nets.network import Network
from residua.nets.spec import PlainSpec
from residua.parts import Chain, activation, convolution, normalisation


def plain(spec: PlainSpec) -> Network:
    """Build a VGG: no join anywhere."""
    stages: dict[str, nn.Module] = {}
    carried = spec.in_channels
    for number, widths in enumerate(spec.widths, start=1):
        stages[f"stage{number}"] = stage(carried, widths, spec)
        carried = widths[-1]
    return Network(spec, **stages, head=head(carried, spec))


def stage(carried: int, widths: tuple[int, ...], spec: PlainSpec) -> Chain:
    """Return the convolutions of one size and the pooling that halves it."""
    parts: dict[str, nn.Module] = {}
    for number, width in enumerate(widths, start=1):
        parts[f"conv{number}"] = convolution(carried, width, bias=True)
        if spec.norm != "none":
            parts[f"norm{number}"] = normalisation(spec.norm, width)
        parts[f"relu{number}"] = activation()
        carried = width
    return Chain(**parts, pool=nn.MaxPool2d(2))


def head(carried: int, spec: PlainSpec) -> Chain:
    """Return the three linear layers on a 7 × 7 grid."""
    return Chain(
        pool=nn.AdaptiveAvgPool2d(7),
        flatten=nn.Flatten(),
        linear1=nn.Linear(carried * 49, spec.hidden),
        relu1=activation(),
        drop1=nn.Dropout(spec.dropout),
        linear2=nn.Linear(spec.hidden, spec.hidden),
        relu2=activation(),
        drop2=nn.Dropout(spec.dropout),
        linear=nn.Linear(spec.hidden, spec.classes),
    )
