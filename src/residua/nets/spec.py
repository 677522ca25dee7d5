"""What a network is, as data: a frozen record for each family, saved as JSON beside the weights.

The records are msgspec structures rather than dataclasses because a tagged union of them reads back from
JSON as the right family. What cannot be built is refused when the record is made.

The names of norms, orders and shortcuts are those of `residua.parts`; they stand here a second time because
importing the parts loads PyTorch, and listing networks must not.
"""

from typing import Literal, assert_never

import msgspec

from residua.errors import BadSpec
from residua.nets.refusals import refuse_none, refuse_rate, refuse_unknown_words, refuse_unpaired

Norm = Literal["batch", "group", "none"]
Order = Literal["original", "norm_after_sum", "relu_before_sum", "relu_preact", "full_preact"]
Shortcut = Literal["A", "B", "C"]
Stem = Literal["cifar", "imagenet"]


class PlainSpec(msgspec.Struct, frozen=True, kw_only=True, tag="plain", tag_field="family"):
    """VGG: stages of convolutions, each closed by a pooling, and three linear layers.

    >>> PlainSpec(widths=((64,), (128, 128)), norm="batch", classes=5).classes
    5

    Attributes:
        widths: the channels of every convolution, stage by stage.
        norm: what follows each convolution.
        hidden: units of the two hidden linear layers.
        dropout: share of those units silenced in training.
    """

    widths: tuple[tuple[int, ...], ...]
    norm: Norm = "none"
    hidden: int = 4096
    dropout: float = 0.5
    in_channels: int = 3
    classes: int = 1000

    def __post_init__(self) -> None:
        refuse_unknown_words(self)
        refuse_none(self, "widths", "hidden")
        refuse_rate("dropout", self.dropout)


class ResNetSpec(msgspec.Struct, frozen=True, kw_only=True, tag="resnet", tag_field="family"):
    """A residual network of any order, or with `join="none"` its plain twin.

    >>> ResNetSpec(depths=(2, 2), widths=(16, 32), order="full_preact", shortcut="C", skip_init=True).outputs
    (16, 32)

    Attributes:
        depths: blocks in each stage.
        widths: channels inside the blocks of each stage; a bottleneck gives four times as many.
        block: two 3 × 3 convolutions, or 1 × 1, 3 × 3, 1 × 1.
        order: where norm and ReLU stand; the five of He et al. 2016, figure 4.
        join: "none" leaves the shortcuts out, and nothing else.
        shortcut: A pads with zeros, B projects where the shape changes, C projects everywhere.
        stem: one 3 × 3 convolution, or 7 × 7 at stride 2 and a pooling.
        stem_width: channels that the stem gives.
        norm: of the whole network.
        groups: of the 3 × 3 convolutions in a bottleneck (ResNeXt).
        widen: how much wider than `widths` the middle of a bottleneck is (wide ResNet, ResNeXt).
        stochastic_depth: rate for the last block; it grows linearly from the first.
        zero_init: start the last norm of every branch at 0, so that every block starts as its shortcut.
        skip_init: close every branch with a learned scale that starts at 0.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    block: Literal["basic", "bottleneck"] = "basic"
    order: Order = "original"
    join: Literal["sum", "none"] = "sum"
    shortcut: Shortcut = "B"
    stem: Stem = "imagenet"
    stem_width: int = 64
    norm: Norm = "batch"
    groups: int = 1
    widen: float = 1
    stochastic_depth: float = 0
    zero_init: bool = False
    skip_init: bool = False
    in_channels: int = 3
    classes: int = 1000

    def __post_init__(self) -> None:
        refuse_unknown_words(self)
        refuse_none(self, "depths", "widths", "stem_width", "groups")
        refuse_rate("stochastic_depth", self.stochastic_depth)
        refuse_unpaired(self)
        self._refuse_idle_shape()
        self._refuse_dead_start()

    def _refuse_idle_shape(self) -> None:
        if self.block == "basic" and (self.groups, self.widen) != (1, 1):
            raise BadSpec(
                f"groups={self.groups} and widen={self.widen:g} on basic blocks; both shape the middle of a "
                "bottleneck. Take block='bottleneck', or larger widths"
            )
        middles = [int(width * self.widen) for width in self.widths]
        if any(middle < 1 or middle % self.groups for middle in middles):
            raise BadSpec(
                f"bottlenecks of {middles} channels in {self.groups} groups; the groups must divide them"
            )

    def _refuse_dead_start(self) -> None:
        if self.join == "none" and (self.zero_init or self.skip_init or self.stochastic_depth):
            raise BadSpec(
                "zero_init, skip_init and stochastic_depth silence a branch, and with join='none' nothing "
                "goes past it. Leave them out, or take join='sum'"
            )
        if self.zero_init and (self.norm == "none" or self.order not in ("original", "relu_preact")):
            raise BadSpec(
                f"zero_init with order '{self.order}' and norm '{self.norm}'; it starts at 0 the norm that "
                "closes a branch, and there is none. Take skip_init"
            )

    @property
    def expansion(self) -> int:
        """How many times `widths` a block gives."""
        return 4 if self.block == "bottleneck" else 1

    @property
    def outputs(self) -> tuple[int, ...]:
        """Channels that each stage gives."""
        return tuple(width * self.expansion for width in self.widths)


class DenseNetSpec(msgspec.Struct, frozen=True, kw_only=True, tag="densenet", tag_field="family"):
    """A DenseNet: every layer reads all before it and adds `growth` channels.

    >>> DenseNetSpec(depths=(6, 12), growth=12, stem="cifar", classes=10).compression
    0.5

    Attributes:
        depths: layers in each dense block.
        growth: k of the paper.
        bottleneck: put a 1 × 1 convolution to 4k channels first (the B of DenseNet-BC).
        compression: share of the channels that a transition keeps (below 1: the C).
        stem: one 3 × 3 convolution, or 7 × 7 at stride 2 and a pooling.
        stem_width: channels that the stem gives.
        dropout: after each layer; the paper used 0.2 without augmentation.
    """

    depths: tuple[int, ...]
    growth: int
    bottleneck: bool = True
    compression: float = 0.5
    stem: Stem = "imagenet"
    stem_width: int = 64
    dropout: float = 0
    in_channels: int = 3
    classes: int = 1000

    def __post_init__(self) -> None:
        refuse_unknown_words(self)
        refuse_none(self, "depths", "growth", "stem_width")
        refuse_rate("dropout", self.dropout)
        if not 0 < self.compression <= 1:
            raise BadSpec(
                f"compression of {self.compression:g}; it is a share of the channels, above 0 up to 1"
            )


class ReversibleSpec(msgspec.Struct, frozen=True, kw_only=True, tag="reversible", tag_field="family"):
    """A reversible residual network for small images, of pre-activated bottlenecks.

    >>> ReversibleSpec(depths=(18, 18, 18), widths=(16, 32, 64)).classes
    10

    Attributes:
        depths: blocks in each stage; the first sets the shape, the others can be undone.
        widths: channels inside the branches of each stage. A branch reads and gives four times as many, which is
            half of what the stage carries.
        stem_width: channels that the stem gives.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    stem_width: int = 32
    in_channels: int = 3
    classes: int = 10

    def __post_init__(self) -> None:
        refuse_none(self, "depths", "widths", "stem_width")
        refuse_unpaired(self)


class FastSpec(msgspec.Struct, frozen=True, kw_only=True, tag="fast", tag_field="family"):
    """A pre-activated residual network for small images, to be trained in minutes.

    >>> stride(FastSpec(depths=(1, 1, 1), widths=(32, 128, 128)))
    8

    Attributes:
        depths: residual blocks in each stage, after the convolution that sets its shape.
        widths: channels of each stage.
        stem_width: channels that the first convolution gives.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    stem_width: int = 24
    in_channels: int = 3
    classes: int = 10

    def __post_init__(self) -> None:
        refuse_none(self, "depths", "widths", "stem_width")
        refuse_unpaired(self)


class UNetSpec(msgspec.Struct, frozen=True, kw_only=True, tag="unet", tag_field="family"):
    """A U-Net: what goes down comes up again, joined at every size with what was there before.

    >>> stride(UNetSpec(widths=(16, 32, 64), join="sum"))
    4

    Attributes:
        widths: channels at each size on the way down; with an encoder, of the way up, coarse to fine.
        join: "concat" as in the paper, "sum" for additive skips, "none" to leave the skips out.
        block: two convolutions as in the paper, or "residual": the same two with a shortcut around them.
        norm: after every convolution of the U; "none" as in the paper.
        encoder: a residual network in place of the way down.
    """

    widths: tuple[int, ...]
    join: Literal["concat", "sum", "none"] = "concat"
    block: Literal["plain", "residual"] = "plain"
    norm: Norm = "none"
    encoder: ResNetSpec | None = None
    in_channels: int = 3
    classes: int = 2

    def __post_init__(self) -> None:
        refuse_unknown_words(self)
        refuse_none(self, "widths")
        if self.encoder is None:
            return
        halvings = stride(self.encoder).bit_length() - 1
        if len(self.widths) != halvings:
            raise BadSpec(
                f"{len(self.widths)} widths for the way up from an encoder that halves the size "
                f"{halvings} times; give one for each halving, coarse to fine"
            )
        if self.encoder.in_channels != self.in_channels:
            raise BadSpec(
                f"an encoder of {self.encoder.in_channels} input channels in a U-Net of {self.in_channels}; "
                "give both the same"
            )


class TiramisuSpec(msgspec.Struct, frozen=True, kw_only=True, tag="tiramisu", tag_field="family"):
    """A fully convolutional DenseNet: a U-Net with a dense block at every size.

    >>> stride(TiramisuSpec(depths=(4, 4, 4), growth=12))
    4

    Attributes:
        depths: layers of the dense block at each size, from fine to coarse; the way up repeats them.
        growth: channels that each layer adds.
        stem_width: channels of the first convolution.
        dropout: after every convolution of the blocks and of the way down; the paper used 0.2.
    """

    depths: tuple[int, ...]
    growth: int
    stem_width: int = 48
    dropout: float = 0.2
    in_channels: int = 3
    classes: int = 2

    def __post_init__(self) -> None:
        refuse_unknown_words(self)
        refuse_none(self, "depths", "growth", "stem_width")
        refuse_rate("dropout", self.dropout)


Segmenting = UNetSpec | TiramisuSpec
"""Networks that give a class for every pixel, at the size of the image."""

Spec = PlainSpec | ResNetSpec | DenseNetSpec | ReversibleSpec | FastSpec | Segmenting


def stride(spec: Spec) -> int:
    """Return how many times smaller than the input the smallest feature map is, on a side.

    >>> stride(ResNetSpec(depths=(2, 2, 2, 2), widths=(64, 128, 256, 512)))
    32
    """
    match spec:
        case PlainSpec():
            return int(2 ** len(spec.widths))
        case ResNetSpec() | DenseNetSpec():
            return int(2 ** (len(spec.depths) - 1)) * (4 if spec.stem == "imagenet" else 1)
        case ReversibleSpec():
            return int(2 ** (len(spec.depths) - 1))
        case FastSpec():
            return int(2 ** len(spec.depths))
        case UNetSpec():
            return stride(spec.encoder) if spec.encoder else int(2 ** (len(spec.widths) - 1))
        case TiramisuSpec():
            return int(2 ** (len(spec.depths) - 1))
        case _:
            assert_never(spec)


def smallest(spec: Spec) -> int:
    """Return the side in pixels of the smallest image that every halving still finds something to halve in.

    A pooling drops the pixel left over, so it needs two; a convolution at stride 2 rounds up, and below two
    pixels its stage would see one pixel and a frame of zeros. A U-Net pads what it gets.

    >>> smallest(ResNetSpec(depths=(2, 2, 2, 2), widths=(64, 128, 256, 512)))
    17
    """
    match spec:
        case PlainSpec():
            return stride(spec)
        case ResNetSpec() | ReversibleSpec() | FastSpec():
            return stride(spec) // 2 + 1
        case DenseNetSpec():
            pooled = int(2 ** (len(spec.depths) - 1))
            return stride(spec) // pooled * (pooled - 1) + 1
        case UNetSpec() | TiramisuSpec():
            return 1
        case _:
            assert_never(spec)
