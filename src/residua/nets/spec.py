"""What a network is, as data: a frozen record for each family, saved as JSON beside the weights.

The records are msgspec structures rather than dataclasses because a tagged union of them reads back from
JSON as the right family.
"""

from typing import Literal, assert_never

import msgspec

from residua.errors import BadSpec

Stem = Literal["cifar", "imagenet"]


class PlainSpec(msgspec.Struct, frozen=True, kw_only=True, tag="plain", tag_field="family"):
    """VGG: stages of convolutions, each closed by a pooling, and three linear layers.

    Attributes:
        widths: the channels of every convolution, stage by stage.
        norm: what follows each convolution.
        hidden: units of the two hidden linear layers.
        dropout: share of those units silenced in training.
    """

    widths: tuple[tuple[int, ...], ...]
    norm: Literal["batch", "group", "none"] = "none"
    hidden: int = 4096
    dropout: float = 0.5
    in_channels: int = 3
    classes: int = 1000


class ResNetSpec(msgspec.Struct, frozen=True, kw_only=True, tag="resnet", tag_field="family"):
    """A residual network of any order, or with `join="none"` its plain twin.

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
    order: Literal["original", "norm_after_sum", "relu_before_sum", "relu_preact", "full_preact"] = "original"
    join: Literal["sum", "none"] = "sum"
    shortcut: Literal["A", "B", "C"] = "B"
    stem: Stem = "imagenet"
    stem_width: int = 64
    norm: Literal["batch", "group", "none"] = "batch"
    groups: int = 1
    widen: float = 1
    stochastic_depth: float = 0
    zero_init: bool = False
    skip_init: bool = False
    in_channels: int = 3
    classes: int = 1000

    def __post_init__(self) -> None:
        if len(self.depths) != len(self.widths) or not self.depths or min(self.depths) < 1:
            raise BadSpec(f"depths {self.depths} and widths {self.widths}: give one of each for every stage")
        if self.zero_init and (self.norm == "none" or self.order not in ("original", "relu_preact")):
            raise BadSpec(
                f"zero_init starts the norm that closes a branch at 0, and order {self.order} with norm "
                f"{self.norm} has none there; use skip_init"
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


class UNetSpec(msgspec.Struct, frozen=True, kw_only=True, tag="unet", tag_field="family"):
    """A U-Net: what goes down comes up again, joined at every size with what was there before.

    Attributes:
        widths: channels at each size on the way down; with an encoder, of the way up, coarse to fine.
        join: "concat" as in the paper, "sum" for additive skips, "none" to leave the skips out.
        norm: after every convolution of the U; "none" as in the paper.
        encoder: a residual network in place of the way down.
    """

    widths: tuple[int, ...]
    join: Literal["concat", "sum", "none"] = "concat"
    norm: Literal["batch", "group", "none"] = "none"
    encoder: ResNetSpec | None = None
    in_channels: int = 3
    classes: int = 2

    def __post_init__(self) -> None:
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


Spec = PlainSpec | ResNetSpec | DenseNetSpec | UNetSpec


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
        case UNetSpec():
            return stride(spec.encoder) if spec.encoder else int(2 ** (len(spec.widths) - 1))
        case _:
            assert_never(spec)
