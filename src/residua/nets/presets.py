"""The known networks: one literal table, and the families whose depth is part of the name.

Importing this loads no PyTorch. The counts are kept here so that listing needs none either; a test builds
every row and compares.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from residua.errors import UnknownName
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


class Preset(msgspec.Struct, frozen=True):
    """One row: the spec, where it was published, and what it costs.

    Attributes:
        spec: of the network.
        paper: authors, year and arXiv number.
        image_size: side in pixels at which `macs` holds.
        parameters: learned numbers, with the spec's classes and input channels.
        macs: multiply-adds on one image.
    """

    spec: Spec
    paper: str
    image_size: int
    parameters: int
    macs: int


VGG = "Simonyan & Zisserman 2014, 1409.1556"
HE = "He et al. 2015, 1512.03385"
HE2 = "He et al. 2016, 1603.05027"
XIE = "Xie et al. 2016, 1611.05431"
WIDE = "Zagoruyko & Komodakis 2016, 1605.07146"
SKIP = "De & Smith 2020, 2002.10444"
GOMEZ = "Gomez et al. 2017, 1707.04585"
HUANG = "Huang et al. 2016, 1608.06993"
UNET = "Ronneberger et al. 2015, 1505.04597"
ZHANG = "Zhang et al. 2017, 1711.10684"
JEGOU = "Jégou et al. 2017, 1611.09326"


def vgg(*repeats: int, norm: bool = False) -> PlainSpec:
    """Return a VGG of so many convolutions at each of its five sizes."""
    widths = tuple((width,) * n for width, n in zip((64, 128, 256, 512, 512), repeats, strict=True))
    return PlainSpec(widths=widths, norm="batch" if norm else "none")


def imagenet_resnet(
    *depths: int, basic: bool = False, groups: int = 1, widen: float = 1, preact: bool = False
) -> ResNetSpec:
    """Return a residual network for large images: four stages of so many blocks."""
    return ResNetSpec(
        depths=depths,
        widths=(64, 128, 256, 512),
        block="basic" if basic else "bottleneck",
        order="full_preact" if preact else "original",
        groups=groups,
        widen=widen,
    )


def cifar_resnet(depth: int) -> ResNetSpec:
    """Return the residual network of 6n + 2 layers for small images, with shortcut option A."""
    n = (depth - 2) // 6
    return ResNetSpec(
        depths=(n, n, n), widths=(16, 32, 64), shortcut="A", stem="cifar", stem_width=16, classes=10
    )


def cifar_plain(depth: int) -> ResNetSpec:
    """Return the same network without its shortcuts."""
    return msgspec.structs.replace(cifar_resnet(depth), join="none")


def cifar_preact(depth: int) -> ResNetSpec:
    """Return the pre-activated bottleneck network of 9n + 2 layers for small images."""
    n = (depth - 2) // 9
    spec = cifar_resnet(depth)
    return msgspec.structs.replace(
        spec, depths=(n, n, n), block="bottleneck", order="full_preact", shortcut="B"
    )


def cifar_reversible(depth: int) -> ReversibleSpec:
    """Return the reversible bottleneck network of 9n + 2 layers for small images, as wide as its pre-activated one."""
    n = (depth - 2) // 9
    return ReversibleSpec(depths=(n, n, n), widths=(16, 32, 64))


def cifar_wide(depth: int, widen: int) -> ResNetSpec:
    """Return the wide pre-activated network of 6n + 4 layers for small images."""
    n = (depth - 4) // 6
    widths = (16 * widen, 32 * widen, 64 * widen)
    spec = cifar_resnet(depth)
    return msgspec.structs.replace(spec, depths=(n, n, n), widths=widths, order="full_preact", shortcut="B")


def cifar_skipinit(depth: int) -> ResNetSpec:
    """Return the residual network of 6n + 2 layers without any norm, each branch started at 0."""
    return msgspec.structs.replace(cifar_resnet(depth), norm="none", skip_init=True)


def cifar_fast(depth: int) -> FastSpec:
    """Return the network of 3n + 5 layers for small images that is quick to train."""
    n = (depth - 5) // 3
    return FastSpec(depths=(n, n, n), widths=(32, 64, 128), stem_width=32)


def imagenet_densenet(*depths: int, growth: int = 32) -> DenseNetSpec:
    """Return a DenseNet-BC for large images; its stem gives twice its growth."""
    return DenseNetSpec(depths=depths, growth=growth, stem_width=2 * growth)


def cifar_densenet(depth: int, growth: int) -> DenseNetSpec:
    """Return the DenseNet of 3n + 4 layers for small images: no bottleneck, no compression."""
    n = (depth - 4) // 3
    return DenseNetSpec(
        depths=(n, n, n),
        growth=growth,
        bottleneck=False,
        compression=1,
        stem="cifar",
        stem_width=16,
        classes=10,
    )


def cifar_densenet_bc(depth: int, growth: int) -> DenseNetSpec:
    """Return the DenseNet-BC of 6n + 4 layers for small images."""
    n = (depth - 4) // 6
    return DenseNetSpec(depths=(n, n, n), growth=growth, stem="cifar", stem_width=2 * growth, classes=10)


def tiramisu(*depths: int, growth: int) -> TiramisuSpec:
    """Return a fully convolutional DenseNet with so many layers at each size, for CamVid's 11 classes."""
    return TiramisuSpec(depths=depths, growth=growth, classes=11)


def encoded_unet(encoder: ResNetSpec) -> UNetSpec:
    """Return a U-Net whose way down is a residual network."""
    return UNetSpec(widths=(256, 128, 64, 32, 16), norm="batch", encoder=encoder)


RESNEXT101 = imagenet_resnet(3, 4, 23, 3, groups=32, widen=4)
RESNEXT101_64 = imagenet_resnet(3, 4, 23, 3, groups=64, widen=4)
WIDE101 = imagenet_resnet(3, 4, 23, 3, widen=2)
RESNEXT50 = imagenet_resnet(3, 4, 6, 3, groups=32, widen=2)
PAPER_UNET = UNetSpec(widths=(64, 128, 256, 512, 1024), in_channels=1)
NORMED_UNET = msgspec.structs.replace(PAPER_UNET, norm="batch")
RESIDUAL_UNET = UNetSpec(widths=(64, 128, 256, 512), block="residual", norm="batch")
ADDITIVE_UNET = msgspec.structs.replace(PAPER_UNET, join="sum")
SLIM_UNET = UNetSpec(widths=(16, 32, 64, 128), norm="batch")
RESNET18 = imagenet_resnet(2, 2, 2, 2, basic=True)
RESNET34 = imagenet_resnet(3, 4, 6, 3, basic=True)
RESNET50 = imagenet_resnet(3, 4, 6, 3)

# fmt: off
PRESETS: Final[Mapping[str, Preset]] = {
    "vgg11": Preset(vgg(1, 1, 2, 2, 2), VGG, 224, 132_863_336, 7_609_090_048),
    "vgg13": Preset(vgg(2, 2, 2, 2, 2), VGG, 224, 133_047_848, 11_308_466_176),
    "vgg16": Preset(vgg(2, 2, 3, 3, 3), VGG, 224, 138_357_544, 15_470_264_320),
    "vgg19": Preset(vgg(2, 2, 4, 4, 4), VGG, 224, 143_667_240, 19_632_062_464),
    "vgg11_bn": Preset(vgg(1, 1, 2, 2, 2, norm=True), VGG, 224, 132_868_840, 7_609_090_048),
    "vgg13_bn": Preset(vgg(2, 2, 2, 2, 2, norm=True), VGG, 224, 133_053_736, 11_308_466_176),
    "vgg16_bn": Preset(vgg(2, 2, 3, 3, 3, norm=True), VGG, 224, 138_365_992, 15_470_264_320),
    "vgg19_bn": Preset(vgg(2, 2, 4, 4, 4, norm=True), VGG, 224, 143_678_248, 19_632_062_464),
    "plain20": Preset(cifar_plain(20), HE, 32, 269_722, 40_551_040),
    "plain32": Preset(cifar_plain(32), HE, 32, 464_154, 68_862_592),
    "plain44": Preset(cifar_plain(44), HE, 32, 658_586, 97_174_144),
    "plain56": Preset(cifar_plain(56), HE, 32, 853_018, 125_485_696),
    "plain110": Preset(cifar_plain(110), HE, 32, 1_727_962, 252_887_680),
    "resnet18": Preset(RESNET18, HE, 224, 11_689_512, 1_814_073_344),
    "resnet34": Preset(RESNET34, HE, 224, 21_797_672, 3_663_761_408),
    "resnet50": Preset(RESNET50, HE, 224, 25_557_032, 4_089_184_256),
    "resnet101": Preset(imagenet_resnet(3, 4, 23, 3), HE, 224, 44_549_160, 7_801_405_440),
    "resnet152": Preset(imagenet_resnet(3, 8, 36, 3), HE, 224, 60_192_808, 11_513_626_624),
    "wide_resnet50_2": Preset(imagenet_resnet(3, 4, 6, 3, widen=2), WIDE, 224, 68_883_240, 11_398_021_120),
    "wide_resnet101_2": Preset(WIDE101, WIDE, 224, 126_886_696, 22_753_050_624),
    "resnext50_32x4d": Preset(RESNEXT50, XIE, 224, 25_028_904, 4_230_479_872),
    "resnext101_32x8d": Preset(RESNEXT101, XIE, 224, 88_791_336, 16_414_015_488),
    "resnext101_64x4d": Preset(RESNEXT101_64, XIE, 224, 83_455_272, 15_460_270_080),
    "resnetv2_18": Preset(imagenet_resnet(2, 2, 2, 2, basic=True, preact=True), HE2, 224, 11_687_720, 1_814_073_344),
    "resnetv2_34": Preset(imagenet_resnet(3, 4, 6, 3, basic=True, preact=True), HE2, 224, 21_795_880, 3_663_761_408),
    "resnetv2_50": Preset(imagenet_resnet(3, 4, 6, 3, preact=True), HE2, 224, 25_549_352, 4_089_184_256),
    "resnetv2_101": Preset(imagenet_resnet(3, 4, 23, 3, preact=True), HE2, 224, 44_541_480, 7_801_405_440),
    "resnet20_cifar": Preset(cifar_resnet(20), HE, 32, 269_722, 40_551_040),
    "resnet32_cifar": Preset(cifar_resnet(32), HE, 32, 464_154, 68_862_592),
    "resnet44_cifar": Preset(cifar_resnet(44), HE, 32, 658_586, 97_174_144),
    "resnet56_cifar": Preset(cifar_resnet(56), HE, 32, 853_018, 125_485_696),
    "resnet110_cifar": Preset(cifar_resnet(110), HE, 32, 1_727_962, 252_887_680),
    "resnet1202_cifar": Preset(cifar_resnet(1202), HE, 32, 19_421_274, 2_829_238_912),
    "resnet164_preact": Preset(cifar_preact(164), HE2, 32, 1_703_258, 247_646_720),
    "resnet1001_preact": Preset(cifar_preact(1001), HE2, 32, 10_327_706, 1_490_995_712),
    "resnet56_reversible": Preset(cifar_reversible(56), GOMEZ, 32, 752_298, 110_990_336),
    "resnet110_reversible": Preset(cifar_reversible(110), GOMEZ, 32, 1_308_714, 191_206_400),
    "resnet164_reversible": Preset(cifar_reversible(164), GOMEZ, 32, 1_865_130, 271_422_464),
    "resnet1001_reversible": Preset(cifar_reversible(1001), GOMEZ, 32, 10_489_578, 1_514_771_456),
    "resnet56_skipinit": Preset(cifar_skipinit(56), SKIP, 32, 851_013, 125_485_696),
    "resnet8_fast": Preset(cifar_fast(8), HE2, 32, 298_026, 26_838_272),
    "wrn28_10": Preset(cifar_wide(28, 10), WIDE, 32, 36_479_194, 5_243_328_768),
    "densenet121": Preset(imagenet_densenet(6, 12, 24, 16), HUANG, 224, 7_978_856, 2_834_161_664),
    "densenet161": Preset(imagenet_densenet(6, 12, 36, 24, growth=48), HUANG, 224, 28_681_000, 7_727_907_072),
    "densenet169": Preset(imagenet_densenet(6, 12, 32, 32), HUANG, 224, 14_149_480, 3_359_843_328),
    "densenet201": Preset(imagenet_densenet(6, 12, 48, 32), HUANG, 224, 20_013_928, 4_291_365_888),
    "densenet40_k12": Preset(cifar_densenet(40, 12), HUANG, 32, 1_019_722, 264_812_928),
    "densenet_bc100_k12": Preset(cifar_densenet_bc(100, 12), HUANG, 32, 769_162, 287_929_692),
    "densenet_bc250_k24": Preset(cifar_densenet_bc(250, 24), HUANG, 32, 15_324_406, 5_418_785_724),
    "densenet_bc190_k40": Preset(cifar_densenet_bc(190, 40), HUANG, 32, 25_624_430, 9_301_945_740),
    "unet": Preset(PAPER_UNET, UNET, 256, 31_030_658, 48_096_083_968),
    "unet_bn": Preset(NORMED_UNET, UNET, 256, 31_036_546, 48_096_083_968),
    "unet_slim": Preset(SLIM_UNET, UNET, 64, 482_754, 145_031_168),
    "unet_additive": Preset(ADDITIVE_UNET, UNET, 256, 27_897_218, 38_432_407_552),
    "unet_resnet18": Preset(encoded_unet(RESNET18), UNET, 256, 14_328_098, 5_390_729_216),
    "unet_resnet34": Preset(encoded_unet(RESNET34), UNET, 256, 24_436_258, 7_806_648_320),
    "unet_resnet50": Preset(encoded_unet(RESNET50), UNET, 256, 32_520_994, 10_625_220_608),
    "resunet": Preset(RESIDUAL_UNET, ZHANG, 256, 8_047_298, 38_788_923_392),
    "tiramisu56": Preset(tiramisu(4, 4, 4, 4, 4, 4, growth=12), JEGOU, 224, 1_375_259, 8_916_982_368),
    "tiramisu67": Preset(tiramisu(5, 5, 5, 5, 5, 5, growth=16), JEGOU, 224, 3_460_875, 20_901_653_248),
    "tiramisu103": Preset(tiramisu(4, 5, 7, 10, 12, 15, growth=16), JEGOU, 224, 9_318_859, 20_072_570_112),
}
# fmt: on

FAMILIES: Final = (
    # pattern, layers for each n, layers beside, what makes the spec
    (re.compile(r"plain(\d+)"), 6, 2, cifar_plain),
    (re.compile(r"resnet(\d+)_cifar"), 6, 2, cifar_resnet),
    (re.compile(r"resnet(\d+)_preact"), 9, 2, cifar_preact),
    (re.compile(r"resnet(\d+)_reversible"), 9, 2, cifar_reversible),
    (re.compile(r"resnet(\d+)_skipinit"), 6, 2, cifar_skipinit),
    (re.compile(r"resnet(\d+)_fast"), 3, 5, cifar_fast),
)


def spec(name: str) -> Spec:
    """Return the spec of a name: one of the table, or a member of a family such as "plain38".

    Raises:
        UnknownName: neither; the message names the nearest.

    >>> spec("plain38").depths
    (6, 6, 6)
    """
    if name in PRESETS:
        return PRESETS[name].spec
    for pattern, per, beside, member in FAMILIES:
        found = pattern.fullmatch(name)
        if not found:
            continue
        depth = int(found[1])
        n = max(1, round((depth - beside) / per))
        nearest = per * n + beside
        if depth != nearest:
            fitting = name.replace(found[1], str(nearest), 1)
            raise UnknownName(f"'{name}': its depth must be {per}n + {beside}; the nearest is {fitting}")
        return member(depth)
    raise UnknownName.among("network", name, PRESETS)
