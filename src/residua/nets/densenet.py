"""DenseNet (Huang et al. 2016, arXiv:1608.06993): every layer reads all that came before it."""

from torch import nn

from residua.nets.network import Network
from residua.nets.resnet import classifier, stem
from residua.nets.spec import DenseNetSpec
from residua.parts import Chain, Concat, activation, convolution, normalisation, wired


def densenet(spec: DenseNetSpec) -> Network:
    """Build a DenseNet: a `Concat` around each layer, and a transition between the blocks."""
    bare = spec.stem == "cifar"
    parts: dict[str, nn.Module] = {
        "stem": stem(spec.in_channels, spec.stem_width, kind=spec.stem, norm="batch", bare=bare)
    }
    carried = spec.stem_width
    for number, depth in enumerate(spec.depths, start=1):
        layers = []
        for _ in range(depth):
            layers.append(Concat(layer(carried, spec)))
            carried = Concat.width(carried, spec.growth)
        parts[f"stage{number}"] = Chain(*layers)
        if number < len(spec.depths):
            kept = int(carried * spec.compression)
            parts[f"transition{number}"] = transition(carried, kept)
            carried = kept
    parts["close"] = Chain(norm=normalisation("batch", carried), relu=activation())
    return Network(spec, **parts, head=classifier(carried, spec.classes))


def layer(carried: int, spec: DenseNetSpec) -> Chain:
    """Return what adds `growth` channels: BN, ReLU, 3 × 3 convolution; a bottleneck has a 1 × 1 first."""
    inner = 4 * spec.growth
    convolutions = (
        [convolution(carried, inner, kernel=1), convolution(inner, spec.growth)]
        if spec.bottleneck
        else [convolution(carried, spec.growth)]
    )
    named = wired(convolutions, order="full_preact", norm="batch")
    return Chain(**named, drop=nn.Dropout(spec.dropout)) if spec.dropout else Chain(**named)


def transition(carried: int, learned: int) -> Chain:
    """Return what stands between two blocks: fewer channels, half the size."""
    named = wired([convolution(carried, learned, kernel=1)], order="full_preact", norm="batch")
    return Chain(**named, pool=nn.AvgPool2d(2))
