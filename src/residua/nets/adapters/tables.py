"""What other projects call the layers of our networks: one literal table a family.

A row is a layer's name there and its name here. `{stage}` stands for the same number on both sides, and
`{layer+1}` for one counted from 1 where ours counts from 0. When two rows lead to one name here, the first is
the one written, and the others are older spellings that are still read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never, final

from residua.nets.spec import (
    DenseNetSpec,
    FastSpec,
    PlainSpec,
    ResNetSpec,
    ReversibleSpec,
    Spec,
    TiramisuSpec,
    UNetSpec,
)

Rows = tuple[tuple[str, str], ...]

# Of ImageNet's pictures; both projects use them, the CIFAR networks too.
MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """How a project names layers, and what its networks expect of a picture scaled to [0, 1].

    Attributes:
        rows: names there and here.
        kernels: layers of ours that are linear and there are convolutions of this side, whose weights are the same
            numbers in another shape.
        mean: subtracted from each channel.
        std: each channel is divided by it.
    """

    rows: Rows
    kernels: tuple[tuple[str, int], ...] = ()
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD


CIFAR_RESNET: Final[Rows] = (
    ("conv1", "stem.conv"),
    ("bn1", "stem.norm"),
    ("layer{stage}.{block}.conv{n}", "stage{stage}.{block}.sum.branch.conv{n}"),
    ("layer{stage}.{block}.bn{n}", "stage{stage}.{block}.sum.branch.norm{n}"),
    ("layer{stage}.{block}.shortcut.0", "stage{stage}.{block}.sum.shortcut.conv"),
    ("layer{stage}.{block}.shortcut.1", "stage{stage}.{block}.sum.shortcut.norm"),
    ("linear", "head.linear"),
)

TORCHVISION_RESNET: Final[Rows] = (
    ("conv1", "stem.conv"),
    ("bn1", "stem.norm"),
    ("layer{stage}.{block}.conv{n}", "stage{stage}.{block}.sum.branch.conv{n}"),
    ("layer{stage}.{block}.bn{n}", "stage{stage}.{block}.sum.branch.norm{n}"),
    ("layer{stage}.{block}.downsample.0", "stage{stage}.{block}.sum.shortcut.conv"),
    ("layer{stage}.{block}.downsample.1", "stage{stage}.{block}.sum.shortcut.norm"),
    ("fc", "head.linear"),
)

TORCHVISION_DENSENET: Final[Rows] = (
    ("features.conv0", "stem.conv"),
    ("features.norm0", "stem.norm"),
    ("features.denseblock{stage}.denselayer{layer+1}.norm{n}", "stage{stage}.{layer}.branch.norm{n}"),
    ("features.denseblock{stage}.denselayer{layer+1}.conv{n}", "stage{stage}.{layer}.branch.conv{n}"),
    ("features.denseblock{stage}.denselayer{layer+1}.norm.{n}", "stage{stage}.{layer}.branch.norm{n}"),
    ("features.denseblock{stage}.denselayer{layer+1}.conv.{n}", "stage{stage}.{layer}.branch.conv{n}"),
    ("features.transition{stage}.norm", "transition{stage}.norm1"),
    ("features.transition{stage}.conv", "transition{stage}.conv1"),
    ("features.norm5", "close.norm"),
    ("classifier", "head.linear"),
)

TORCHVISION_VGG_HEAD: Final[Rows] = (
    ("classifier.0", "head.linear1"),
    ("classifier.3", "head.linear2"),
    ("classifier.6", "head.linear"),
)


TIMM_VGG_HEAD: Final[Rows] = (
    ("pre_logits.fc1", "head.linear1"),
    ("pre_logits.fc2", "head.linear2"),
    ("head.fc", "head.linear"),
)
TIMM_VGG_KERNELS: Final = (("head.linear1", 7), ("head.linear2", 1))


def vgg_body(spec: PlainSpec) -> Rows:
    """Return the table of a VGG, whose layers have only a number there: it counts ReLU and pooling too.

    >>> vgg_body(PlainSpec(widths=((64,), (128, 128))))[:3]
    (('features.0', 'stage1.conv1'), ('features.3', 'stage2.conv1'), ('features.5', 'stage2.conv2'))
    """
    rows: list[tuple[str, str]] = []
    index = 0
    for stage, widths in enumerate(spec.widths, start=1):
        for number in range(1, len(widths) + 1):
            rows.append((f"features.{index}", f"stage{stage}.conv{number}"))
            if spec.norm != "none":
                index += 1
                rows.append((f"features.{index}", f"stage{stage}.norm{number}"))
            index += 2  # over the ReLU
        index += 1  # over the pooling
    return tuple(rows)


TIMM_RESNETV2_ENDS: Final[Rows] = (
    ("stem.conv", "stem.conv"),
    ("norm", "close.norm"),
    ("head.fc", "head.linear"),
)
TIMM_RESNETV2_KERNELS: Final = (("head.linear", 1),)

TIMM_RESNETV2_BLOCK: Final[Rows] = (
    ("stages.{stage}.blocks.{block}.norm{n}", "stage{stage+1}.{block}.branch.norm{n}"),
    ("stages.{stage}.blocks.{block}.conv{n}", "stage{stage+1}.{block}.branch.conv{n}"),
)


def timm_resnetv2(spec: ResNetSpec) -> Rows:
    """Return the table of a pre-activated network: a block that projects shares its first norm with its shortcut.

    >>> timm_resnetv2(ResNetSpec(depths=(1,), widths=(64,), block="bottleneck", order="full_preact"))[3]
    ('stages.0.blocks.0.downsample.conv', 'stage1.0.sum.shortcut.conv')
    """
    rows = list(TIMM_RESNETV2_ENDS)
    carried = (spec.stem_width, *spec.outputs)
    for stage, learned in enumerate(spec.outputs):
        if stage or carried[stage] != learned:
            there, here = f"stages.{stage}.blocks.0", f"stage{stage + 1}.0"
            rows += [
                (f"{there}.downsample.conv", f"{here}.sum.shortcut.conv"),
                (f"{there}.norm1", f"{here}.norm1"),
                (f"{there}.norm{{n}}", f"{here}.sum.branch.norm{{n}}"),
                (f"{there}.conv{{n}}", f"{here}.sum.branch.conv{{n}}"),
            ]
    return (*rows, *TIMM_RESNETV2_BLOCK)


def encoder_places(spec: UNetSpec, encoder: ResNetSpec) -> tuple[tuple[str, str], ...]:
    """Return how the names of a classifier's parts begin, and how the same parts begin as the encoder of a U-Net.

    >>> encoder = ResNetSpec(depths=(2, 2), widths=(16, 32), stem="cifar", stem_width=16)
    >>> encoder_places(UNetSpec(widths=(16,), encoder=encoder), encoder)[1]
    ('stage1.', 'body.part.encode.stage.')
    """
    small, last = encoder.stem == "cifar", len(encoder.depths)
    deeper = "skip.deeper." if spec.join == "none" else "skip.branch.deeper."
    top = "body.part." if small else "body.part.u."
    closed = encoder.order in ("relu_preact", "full_preact")
    places = [("stem.", f"{top}encode.stem." if small else f"{top}encode.")]
    for number in range(1, last + 1):
        floor = f"{top}{deeper * (number - 1 if small else number)}encode."
        beside = number == 1 or (number == last and closed)  # of a stem, a pooling or what closes the trunk
        places.append((f"stage{number}.", f"{floor}stage." if beside else floor))
        if number == last:
            places.append(("close.", f"{floor}close."))
    return tuple(places)


def conventions(spec: Spec) -> Mapping[str, Conventions]:
    """Return the other projects that have networks of this family, by name; of some there are none."""
    match spec:
        case ResNetSpec(order="full_preact"):
            return {"timm": Conventions(rows=timm_resnetv2(spec), kernels=TIMM_RESNETV2_KERNELS)}
        case ResNetSpec():
            large = Conventions(rows=TORCHVISION_RESNET)
            return {
                "pytorch_resnet_cifar10": Conventions(rows=CIFAR_RESNET),
                "torchvision": large,
                "timm": large,
            }
        case DenseNetSpec():
            dense = Conventions(rows=TORCHVISION_DENSENET)
            return {"torchvision": dense, "timm": dense}
        case PlainSpec():
            body = vgg_body(spec)
            return {
                "torchvision": Conventions(rows=(*body, *TORCHVISION_VGG_HEAD)),
                "timm": Conventions(rows=(*body, *TIMM_VGG_HEAD), kernels=TIMM_VGG_KERNELS),
            }
        case ReversibleSpec() | FastSpec() | UNetSpec() | TiramisuSpec():
            return {}
        case _:
            assert_never(spec)
