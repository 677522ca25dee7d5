"""Tensors of which every process holds a part, and the same tensors whole.

PyTorch's class of them takes a second to import, which a process that is alone does not wait for.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor with all its parts; every process has to ask at once.

    >>> import torch
    >>> whole(torch.ones(1))
    tensor([1.])
    """
    if not dist.is_initialized():
        return tensor
    from torch.distributed.tensor import DTensor

    if isinstance(tensor, DTensor):
        found: Tensor = tensor.full_tensor()
        return found
    return tensor


def like(tensor: Tensor, other: Tensor) -> Tensor:
    """Return a whole tensor in the layout of `other`, or this process's part of it if that is all it holds of `other`.

    The layout, because a fused optimiser reads weights and moments as they lie in memory, and does not ask.

    >>> import torch
    >>> like(torch.ones(1), torch.zeros(1))
    tensor([1.])
    """
    if type(other) in (Tensor, nn.Parameter) and tensor.shape == other.shape:
        return torch.empty_like(other, dtype=tensor.dtype, device=tensor.device).copy_(tensor)
    if not dist.is_initialized():
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    if isinstance(other, DTensor) and tensor.shape == other.shape:
        return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements)
    return tensor
