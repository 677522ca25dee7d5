"""Parts one after another."""

from collections.abc import Iterator
from typing import final

from torch import Tensor, nn

from residua.parts.part import Part


@final
class Chain(Part):
    """Parts applied one after another; the given names become the names of the parameters.

    `nn.Sequential` would do, but a subclass of it with another constructor cannot be sliced.

    >>> from torch import nn
    >>> chain = Chain(conv=nn.Conv2d(3, 8, 3), relu=nn.ReLU())
    >>> [name for name, _ in chain.named_parameters()]
    ['conv.weight', 'conv.bias']
    >>> len(chain[:1])
    1
    """

    def __init__(self, *parts: nn.Module, **named: nn.Module) -> None:
        super().__init__()
        for index, part in enumerate(parts):
            self.add_module(str(index), part)
        for name, part in named.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        for part in self:
            x = part(x)
        return x

    def __iter__(self) -> Iterator[nn.Module]:
        return (part for _, part in self._parts())

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, key: int | str | slice) -> nn.Module:
        """Return the part at a position or of a name; a slice gives a chain that keeps the names."""
        if isinstance(key, str):
            return self.get_submodule(key)
        if isinstance(key, slice):
            return Chain(**dict(list(self._parts())[key]))
        return list(self)[key]

    def _parts(self) -> Iterator[tuple[str, nn.Module]]:
        # `named_children` would leave out a part that stands in the chain a second time.
        return ((name, part) for name, part in self._modules.items() if part is not None)
