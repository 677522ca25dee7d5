"""Batch norm over the batch of all processes, on any device.

PyTorch's own, `nn.SyncBatchNorm`, is for GPUs alone, and is taken there: it is one kernel. This one is the formula, and
also takes a part of a batch that is empty.
"""

from typing import final

import torch
from torch import Tensor, nn

from residua.training.distributed.sums import gathered_gradient


@final
class BatchNormOverRanks(nn.modules.batchnorm._BatchNorm):
    """Normalises by mean and variance over the parts of all processes; outside of training it is plain batch norm.

    Ioffe & Szegedy 2015 (arXiv:1502.03167). It takes over parameters and buffers of a batch norm, under their names.

    Args:
        plain: the batch norm whose place it takes.
    """

    def __init__(self, plain: nn.BatchNorm2d) -> None:
        super().__init__(
            plain.num_features, plain.eps, plain.momentum, affine=False, track_running_stats=False
        )
        self.affine, self.track_running_stats = plain.affine, plain.track_running_stats
        self._parameters.update(plain._parameters)
        self._buffers.update(plain._buffers)
        self.train(plain.training)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            plain: Tensor = super().forward(input)
            return plain
        values = input.float()  # sums of many bfloat16 would lose their digits
        each = (0, *range(2, input.ndim))
        count = gathered_gradient(values.new_tensor(values.numel() // self.num_features))
        mean = gathered_gradient(values.sum(each)) / count
        centred = values - along(mean, values)
        variance = gathered_gradient(centred.square().sum(each)) / count
        self.remember(mean.detach(), variance.detach(), count)
        scaled = centred * along(torch.rsqrt(variance + self.eps), values)
        if self.affine:
            scaled = scaled * along(self.weight, values) + along(self.bias, values)
        return scaled.to(input.dtype)

    @torch.no_grad()
    def remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Move the running statistics towards those of a batch, as PyTorch does: the variance divided by n - 1."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)

    def _check_input_dim(self, input: Tensor) -> None:
        pass  # any number of dimensions after the channels


def along(channels: Tensor, values: Tensor) -> Tensor:
    """Return a number for each channel in the shape that goes with values of batch × channels × ..."""
    return channels.reshape(1, -1, *(1,) * (values.ndim - 2))


def synchronised(network: nn.Module, device: torch.device) -> nn.Module:
    """Let every batch norm of a network see the batch of all processes, in place; names and values stay.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    >>> sorted(network.state_dict()) == sorted(synchronised(network, torch.device("cpu")).state_dict())
    True
    """
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            above, _, last = name.rpartition(".")
            setattr(network.get_submodule(above), last, BatchNormOverRanks(module))
    return network
