"""A network whose norms, additions and ReLUs are taken together while it trains."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from residua.look import rewired
from residua.parts import Join
from residua.training.kernels.rows import Together, has_norm


def together(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return what gives the logits and the gradients of the network to rounding, in less time on a CPU.

    The network is not touched: its rows of parts are run by `Together` for the time of a forward pass. In evaluation
    or without gradients it is the network itself.

    Args:
        network: made of the parts of this library.

    >>> from residua import build
    >>> network = build("resnet8_cifar")
    >>> together(network)(torch.zeros(2, 3, 32, 32)).sum().backward()
    >>> network.stem.norm.weight.grad is not None
    True
    """
    wrappers = edits(network, lean=False)

    def run(images: Tensor) -> Tensor:
        if not (network.training and torch.is_grad_enabled()):
            return network(images)  # type: ignore[no-any-return]  # torch types a call as Any
        with rewired(network, wrappers):
            return network(images)  # type: ignore[no-any-return]

    return run


def edits(network: nn.Module, *, lean: bool) -> dict[str, partial[Together]]:
    """Return the wrappers of all rows with something to take together, by their names for `rewired`.

    >>> from residua.parts import Chain
    >>> list(edits(nn.Sequential(Chain(norm=nn.BatchNorm2d(3)), Chain(relu=nn.ReLU())), lean=False))
    ['0']
    """
    rows = [name for name, part in network.named_modules() if name and has_norm(part)]
    joins = {f"{name}.branch": name for name, part in network.named_modules() if isinstance(part, Join)}
    return {joins.get(name, name): partial(Together, lean=lean) for name in rows}
