"""What others predict trainability from, for the same networks: no training, one batch."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.look import Examples


def grad_norm(model: nn.Module, batch: Examples) -> float:
    """Return the sum of the gradient norms of all weights, as a logarithm (Abdelfattah et al. 2021)."""
    inputs, targets = batch
    model.zero_grad()
    F.cross_entropy(model(inputs), targets).backward()
    return logarithm(sum(p.grad.norm().item() for p in model.parameters() if p.grad is not None))


def synflow(model: nn.Module, batch: Examples) -> float:
    """Return the sum of weight times gradient with all weights made positive, as a logarithm (Tanaka et al. 2020)."""
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    model.zero_grad()
    model(torch.ones_like(batch[0][:1]).double().float()).sum().backward()
    return logarithm(sum((p * p.grad).sum().item() for p in model.parameters() if p.grad is not None))


def naswot(model: nn.Module, batch: Examples) -> float:
    """Return the log-determinant of the kernel of activation patterns (Mellor et al. 2021)."""
    inputs = batch[0][:64]
    kernel = torch.zeros(len(inputs), len(inputs), dtype=torch.float64)

    def look(_: nn.Module, given: tuple[Tensor, ...], __: Tensor) -> None:
        if len(given[0]) != len(inputs):
            return  # windows of one picture, not pictures
        on = (given[0].flatten(1) > 0).double()
        kernel.add_(on @ on.mT + (1 - on) @ (1 - on).mT)

    kinds = (nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid)
    hooks = [m.register_forward_hook(look) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()
    sign, size = torch.linalg.slogdet(kernel)
    return size.item() if sign > 0 and math.isfinite(size) else -1e9


def logarithm(value: float) -> float:
    """Return the logarithm, and a very small or large number where there is none."""
    if not math.isfinite(value):
        return 1e9
    return math.log(value) if value > 0 else -1e9
