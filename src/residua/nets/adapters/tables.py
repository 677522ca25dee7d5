"""What other projects call the layers of our networks: one literal table a family.

A row is a layer's name there and its name here. `{stage}` stands for the same number on both sides, and
`{layer+1}` for one counted from 1 where ours counts from 0. When two rows lead to one name here, the first is
the one written, and the others are older spellings that are still read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, assert_never, final

from residua.nets.spec import DenseNetSpec, PlainSpec, ResNetSpec, Spec, TiramisuSpec, UNetSpec

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
        mean: subtracted from each channel.
        std: each channel is divided by it.
    """

    rows: Rows
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


def torchvision_vgg(spec: PlainSpec) -> Rows:
    """Return the table of a VGG, whose layers have only a number there: it counts ReLU and pooling too.

    >>> torchvision_vgg(PlainSpec(widths=((64,), (128, 128))))[:3]
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
    return (*rows, *TORCHVISION_VGG_HEAD)


def conventions(spec: Spec) -> Mapping[str, Conventions]:
    """Return the other projects that have networks of this family, by name."""
    tables: dict[str, Rows]
    match spec:
        case ResNetSpec():
            tables = {"pytorch_resnet_cifar10": CIFAR_RESNET, "torchvision": TORCHVISION_RESNET}
        case DenseNetSpec():
            tables = {"torchvision": TORCHVISION_DENSENET}
        case PlainSpec():
            tables = {"torchvision": torchvision_vgg(spec)}
        case UNetSpec() | TiramisuSpec():
            tables = {}
        case _:
            assert_never(spec)
    return MappingProxyType({name: Conventions(rows=rows) for name, rows in tables.items()})
