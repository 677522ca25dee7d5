"""Muon: momentum whose matrix is made orthogonal before it moves a kernel (Jordan et al. 2024).

Steps of gradient descent go mostly along the few directions in which a kernel's gradient is large. Muon takes a step
as long along all of them, and so learns more from a batch. The method, and the polynomial that stands in for a
singular value decomposition, are those of https://kellerjordan.github.io/posts/muon. For CIFAR-10 Jordan also sets the
length of each kernel at each step; here it keeps the one that it began with.
"""

from typing import Any, Final, final

import torch
from torch import Tensor

from residua.optim.closure import Closure, loss_of

POLYNOMIAL: Final = (3.4445, -4.7750, 2.0315)
"""Of x, x³ and x⁵: brings singular values from near 0 up quickly, and leaves those near 1 between .7 and 1.2."""
ROUNDS: Final = 3


@final
class Muon(torch.optim.Optimizer):
    """Turn kernels by orthogonal steps, keeping their length; move everything else by SGD with Nesterov momentum.

    Args:
        groups: of parameters, as any optimiser takes them; one with `"turns": True` holds kernels and matrices to be
            turned, and its weight decay, which would change their length alone, does nothing.
        lr: for kernels about the share of their length that a step is long; for the others that of SGD.
        momentum: of both.

    >>> layer = torch.nn.Linear(4, 4, bias=False)
    >>> before = layer.weight.norm().item()
    >>> optimizer = Muon([{"params": [layer.weight], "turns": True}], lr=0.1, momentum=0.9)
    >>> layer(torch.ones(1, 4)).sum().backward()
    >>> optimizer.step()
    >>> abs(layer.weight.norm().item() - before) < 1e-4
    True
    """

    def __init__(self, groups: list[dict[str, Any]], *, lr: float, momentum: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "turns": False})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> float | None:  # type: ignore[override]
        """Take a step, after calling what computes the loss if that is given."""
        loss = loss_of(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.move(parameter, parameter.grad, group)
        return loss

    def move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        """Move one parameter."""
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        if not group["turns"]:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        momentum = state["momentum_buffer"].mul_(group["momentum"]).add_(gradient)
        direction = gradient.add(momentum, alpha=group["momentum"])
        if not group["turns"]:
            parameter.add_(direction, alpha=-group["lr"])
            return
        length = parameter.norm()
        parameter.add_(orthogonal(direction), alpha=-group["lr"])
        # A kernel that begins at zero has no length to keep.
        parameter.mul_(torch.where(length > 0, length / parameter.norm(), 1.0))


def orthogonal(matrix: Tensor) -> Tensor:
    """Return about the orthogonal matrix that is nearest; a kernel counts as a matrix of its outputs.

    Its singular values come to lie between .7 and 1.2, those that were far below the largest lower.

    >>> turned = orthogonal(torch.diag(torch.tensor([5.0, 3.0, 2.0])))
    >>> [0.5 < value < 1.3 for value in turned.diag().tolist()]
    [True, True, True]
    """
    flat = matrix.flatten(1)
    wide = flat if len(flat) <= flat.shape[1] else flat.T
    found = wide / wide.norm().clamp_min(torch.finfo(wide.dtype).tiny)
    first, third, fifth = POLYNOMIAL
    for _ in range(ROUNDS):
        square = found @ found.T
        found = first * found + (third * square + fifth * square @ square) @ found
    answer: Tensor = (found if wide is flat else found.T).reshape_as(matrix)
    return answer
