"""The one interface of every runtime: a loaded program, from a batch of tensors to a batch of logits."""

from abc import ABC, abstractmethod

from torch import Tensor

from residua.export.bundle import Card


class Program(ABC):
    """A network that is loaded into a runtime.

    Attributes:
        card: what its file says of it.
        runtime: what runs it, in words.
    """

    card: Card
    runtime: str

    @abstractmethod
    def __call__(self, images: Tensor) -> Tensor:
        """Return the logits of a batch: float32 if the preprocessing is outside, uint8 if it is inside."""
