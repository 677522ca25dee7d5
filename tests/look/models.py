"""Small models for the instruments, and what of a model an instrument must not change."""

from typing import Any

import torch
from torch import Tensor, nn

from residua.nets.build import build
from residua.nets.network import Network
from residua.nets.spec import ResNetSpec


def small(*, join: str = "sum", depth: int = 1) -> Network:
    """Return a residual net for digits, or its plain twin, with the traces of a step in it."""
    torch.manual_seed(0)
    spec = ResNetSpec(
        depths=(depth, depth, depth),
        widths=(4, 8, 16),
        join="sum" if join == "sum" else "none",
        shortcut="A",
        stem="cifar",
        stem_width=4,
        in_channels=1,
        classes=10,
    )
    network = build(spec)
    network(torch.randn(4, 1, 8, 8)).sum().backward()
    network.head.requires_grad_(False)
    next(network.children()).eval()
    return network


def batch(samples: int = 8) -> tuple[Tensor, Tensor]:
    """Return images and labels without meaning."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(10, (samples,), generator=generator)
    return torch.randn(samples, 1, 8, 8, generator=generator), labels


def traces(model: nn.Module) -> dict[str, Any]:
    """Return everything that must be the same after an instrument: values by bytes, objects by identity."""
    parameters = dict(model.named_parameters())
    return {
        "names": [name for name, _ in model.named_modules()],
        "modules": [id(module) for module in model.modules()],
        "modes": [module.training for module in model.modules()],
        "state": {name: value.clone().numpy().tobytes() for name, value in model.state_dict().items()},
        "buffers": {name: id(buffer) for name, buffer in model.named_buffers()},
        "gradients": {
            name: None if p.grad is None else (id(p.grad), p.grad.numpy().tobytes())
            for name, p in parameters.items()
        },
        "required": {name: p.requires_grad for name, p in parameters.items()},
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
            for m in model.modules()
        ],
        "tensor hooks": [len(p._backward_hooks or {}) for p in parameters.values()],
        "random": torch.get_rng_state().numpy().tobytes(),
        "grad enabled": torch.is_grad_enabled(),
    }
