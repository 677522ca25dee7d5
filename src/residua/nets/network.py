"""A built network: named parts in a row, and the spec they were built from."""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from residua.errors import BadInput
from residua.nets.spec import Spec, smallest, stride
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
        if images.ndim != 4 or not images.is_floating_point():
            given = f"a tensor of {images.dtype} and shape {tuple(images.shape)}"
            raise BadInput(
                f"{given}; a network takes floating point of shape (batch, channels, height, width). "
                "Scale pictures of bytes to [0, 1] first, and give a single one as image[None]"
            )
        refuse_misfit(self.spec, channels=images.shape[1], size=images.shape[-2:])
        for part in self.children():
            images = part(images)
        return images

    @property
    def features(self) -> Chain:
        """Everything before the head."""
        return Chain(**{name: part for name, part in self.named_children() if name != "head"})


def refuse_misfit(spec: Spec, *, channels: int, size: Sequence[int]) -> None:
    """Raise `BadInput` for images that a network of this spec cannot take.

    Args:
        spec: of the network.
        channels: of the images.
        size: height and width in pixels.
    """
    if channels != spec.in_channels:
        raise BadInput(
            f"images of {channels} channels; this network takes {spec.in_channels}. "
            f"Convert the images, or build it with in_channels={channels}"
        )
    height, width = size
    least = smallest(spec)
    if height < least or width < least:  # one side at a time: an exported program keeps either free
        other = ", or take a network for small images, such as resnet20_cifar" if least > 4 else ""
        raise BadInput(
            f"images of {height} × {width} pixels; this network needs at least {least} × {least}, "
            f"because it halves them {stride(spec).bit_length() - 1} times. Enlarge them{other}"
        )
