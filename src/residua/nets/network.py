"""A built network: named parts in a row, and the spec they were built from."""

from typing import final

from torch import Tensor, nn

from residua.errors import BadInput
from residua.nets.spec import Spec, UNetSpec, stride
from residua.parts import Chain, Part


@final
class Network(Part):
    """A network that knows its spec and says what it cannot take.

    Args:
        spec: what it was built from.
        named: its parts in order; their names begin the names of the parameters.

    Raises:
        BadInput: a tensor of another number of channels or too small; from the call.
    """

    def __init__(self, spec: Spec, /, **named: nn.Module) -> None:
        super().__init__()
        self.spec = spec
        for name, part in named.items():
            self.add_module(name, part)

    def forward(self, images: Tensor) -> Tensor:
        refuse_misfit(
            self.spec, channels=images.shape[1] if images.ndim == 4 else None, size=images.shape[-2:]
        )
        for part in self.children():
            images = part(images)
        return images

    @property
    def features(self) -> Chain:
        """Everything before the head."""
        return Chain(**{name: part for name, part in self.named_children() if name != "head"})


def refuse_misfit(spec: Spec, *, channels: int | None, size: tuple[int, ...]) -> None:
    """Raise `BadInput` for images that a network of this spec cannot take.

    Args:
        spec: of the network.
        channels: of the images; None when they are not a batch of images at all.
        size: height and width in pixels.
    """
    if channels is None:
        raise BadInput(
            f"a tensor of shape {tuple(size)} at its end; a network takes (batch, channels, height, width)"
        )
    if channels != spec.in_channels:
        raise BadInput(
            f"images of {channels} channels; this network takes {spec.in_channels}. "
            f"Convert the images, or build it with in_channels={channels}"
        )
    least = 1 if isinstance(spec, UNetSpec) else stride(spec)
    if min(size) < least:
        raise BadInput(
            f"images of {size[0]} × {size[1]} pixels; this network halves them "
            f"down and needs {least} × {least}. Enlarge them, or take a network for small images, such as resnet20_cifar"
        )
