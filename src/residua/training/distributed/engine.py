"""PyTorch's two engines: each process holds the whole network, or only a part of it between its uses."""

from typing import Final

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

LARGE: Final = 1_000_000
"""Parameters from which on a part of a network is worth an exchange of its own."""


def spread(network: nn.Module, device: torch.device, *, freezes: bool) -> nn.Module:
    """Return a network whose gradient is the mean over all processes; each of them holds all of it.

    Args:
        network: the same in every process; what the first has counts.
        device: of this process.
        freezes: whether some of its parameters do not learn in some epochs.
    """
    gpu = [torch.cuda.current_device()] if device.type == "cuda" else None
    return DistributedDataParallel(
        network, device_ids=gpu, find_unused_parameters=freezes, gradient_as_bucket_view=True
    )


def sharded(network: nn.Module, device: torch.device) -> nn.Module:
    """Return the network with each parameter divided among all processes, in place (FSDP2).

    A part of the network is gathered when it is used, and given up after it: weights, gradients and the optimiser's
    numbers take a share of the memory that they would take in one process.
    """
    from torch.distributed.device_mesh import init_device_mesh  # a second that nobody else waits for
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for part in large_parts(network):
        fully_shard(part, mesh=mesh)
    fully_shard(network, mesh=mesh)
    return network


def large_parts(network: nn.Module) -> list[nn.Module]:
    """Return the smallest parts of a network that have many parameters.

    >>> large_parts(nn.Sequential(nn.Linear(1000, 1000), nn.Linear(10, 10)))
    [Linear(in_features=1000, out_features=1000, bias=True)]
    """
    return [
        module
        for module in network.modules()
        if module is not network
        and count(module) >= LARGE
        and not any(count(child) >= LARGE for child in module.children())
    ]


def count(module: nn.Module) -> int:
    """Return how many parameters a module has."""
    return sum(parameter.numel() for parameter in module.parameters())
