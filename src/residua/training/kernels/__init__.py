"""Training steps by kernels of our own, where the processor and a compiler allow it."""

from residua.training.kernels.compiled import kernels
from residua.training.kernels.network import edits, together

__all__ = ["edits", "kernels", "together"]
