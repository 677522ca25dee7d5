"""Reversible residual networks (Gomez et al. 2017, arXiv:1707.04585): what left a block says what came into it.

Each block of a pre-activated network becomes a `Couple`: its branch reads one half of the channels and adds to the
other. Two in a row are a reversible block of the paper, so that the depth of the name counts branches, as it does
there. The first block of a stage changes the shape, which cannot be undone; it is an ordinary one.

Nothing here undoes anything: by ordinary autograd this is the network's plain form. `--memory least` undoes the
couples, in `residua.training.memory`.
"""

from torch import nn

from residua.nets.network import Network
from residua.nets.resnet import classifier, stem
from residua.nets.spec import ReversibleSpec
from residua.parts import Chain, Couple, Sum, activation, convolution, normalisation, wired


def revnet(spec: ReversibleSpec) -> Network:
    """Build a reversible network: in each stage a block that sets the shape, then couples."""
    parts: dict[str, nn.Module] = {
        "stem": stem(spec.in_channels, spec.stem_width, kind="cifar", norm="batch", bare=True)
    }
    carried = spec.stem_width
    for number, (depth, width) in enumerate(zip(spec.depths, spec.widths, strict=True), start=1):
        first = shaping(carried, width, stride=1 if number == 1 else 2)
        carried = 8 * width
        couples = [Couple(Chain(**bottleneck(carried // 2, width))) for _ in range(depth - 1)]
        parts[f"stage{number}"] = Chain(first, *couples)
    parts["close"] = Chain(norm=normalisation("batch", carried), relu=activation())
    return Network(spec, **parts, head=classifier(carried, spec.classes))


def bottleneck(
    carried: int, width: int, *, stride: int = 1, learned: int | None = None
) -> dict[str, nn.Module]:
    """Return a pre-activated branch by name: 1 × 1, 3 × 3 with the stride, 1 × 1.

    Args:
        carried: channels that come in.
        width: channels inside.
        stride: of the 3 × 3.
        learned: channels that it gives; as many as come in if not given.
    """
    convolutions = [
        convolution(carried, width, kernel=1),
        convolution(width, width, stride=stride),
        convolution(width, learned or carried, kernel=1),
    ]
    return wired(convolutions, order="full_preact", norm="batch")


def shaping(carried: int, width: int, *, stride: int) -> Chain:
    """Return the first block of a stage: an ordinary sum that gives both halves."""
    learned = 8 * width
    branch = bottleneck(carried, width, stride=stride, learned=learned)
    shared = {name: branch.pop(name) for name in ("norm1", "relu1")}
    shortcut = Chain(conv=convolution(carried, learned, kernel=1, stride=stride))
    return Chain(**shared, sum=Sum(Chain(**branch), shortcut))
