"""The optimiser, with weight decay where it belongs."""

from collections.abc import Collection
from typing import Any, Literal, assert_never

import torch
from torch import nn

from residua.optim.muon import Muon
from residua.optim.one_pass import SGD, AdamW

Optimizer = Literal["sgd", "adamw", "muon"]

OUTER = 0.5
"""Share of Muon's learning rate that what it does not turn takes, by SGD."""


def split_groups(
    model: nn.Module, *, weight_decay: float, gentle: Collection[str] = (), share: float = 1.0
) -> list[dict[str, Any]]:
    """Return groups of parameters: kernels and matrices decay, biases, norms and scales do not.

    Args:
        model: whose parameters they are.
        weight_decay: of kernels and matrices.
        gentle: names of parameters that move more slowly than the others; they get two groups of their own.
        share: of the learning rate that those take; it stands in every group under "share".

    >>> from torch import nn
    >>> [len(group["params"]) for group in split_groups(nn.Linear(2, 2), weight_decay=0.1)]
    [1, 1]
    >>> groups = split_groups(nn.Linear(2, 2), weight_decay=0.1, gentle=["weight"], share=0.5)
    >>> [(len(group["params"]), group["share"]) for group in groups]
    [(0, 1.0), (1, 1.0), (1, 0.5), (0, 0.5)]
    """
    learned = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = []
    for slowly in (False, True) if gentle else (False,):
        chosen = [parameter for name, parameter in learned if (name in gentle) == slowly]
        rate = share if slowly else 1.0
        groups += [
            {"params": [p for p in chosen if p.ndim > 1], "weight_decay": weight_decay, "share": rate},
            {"params": [p for p in chosen if p.ndim <= 1], "weight_decay": 0.0, "share": rate},
        ]
    return groups


def make_optimizer(
    model: nn.Module,
    *,
    kind: Optimizer,
    lr: float,
    momentum: float,
    weight_decay: float,
    gentle: Collection[str] = (),
    share: float = 1.0,
) -> torch.optim.Optimizer:
    """Return SGD with Nesterov momentum, AdamW (Loshchilov & Hutter 2017, arXiv:1711.05101), or Muon.

    Args:
        model: whose parameters it moves.
        kind: of optimiser.
        lr: learning rate to start with.
        momentum: of SGD and Muon; the first beta of AdamW.
        weight_decay: of kernels and matrices.
        gentle: names of parameters that take only a share of the learning rate.
        share: that they take.
    """
    groups = split_groups(model, weight_decay=weight_decay, gentle=gentle, share=share)
    # One pass over the weights instead of five. Tensors that are divided among processes are left as they were.
    fused = all(type(weight) is nn.Parameter and weight.device.type == "cpu" for weight in model.parameters())
    match kind:
        case "sgd":
            of_sgd: dict[str, Any] = {"lr": lr, "momentum": momentum, "nesterov": momentum > 0}
            return SGD(groups, **of_sgd, fused=True) if fused else torch.optim.SGD(groups, **of_sgd)
        case "adamw":
            of_adamw: dict[str, Any] = {"lr": lr, "betas": (momentum, 0.999)}
            return AdamW(groups, **of_adamw, fused=True) if fused else torch.optim.AdamW(groups, **of_adamw)
        case "muon":
            return Muon(turning(groups, model), lr=lr, momentum=momentum)
        case _:
            assert_never(kind)


def turning(groups: list[dict[str, Any]], model: nn.Module) -> list[dict[str, Any]]:
    """Return groups for Muon: it turns kernels and matrices within a network, not the first and the last of them.

    Those see pixels and name classes, whose directions do not count alike; they move by SGD, as biases and scales do.

    >>> net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(5)))
    >>> [(len(group["params"]), group["turns"]) for group in turning(split_groups(net, weight_decay=0.1), net)]
    [(3, True), (2, False), (0, True), (5, False)]
    """
    kernels = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    outer = {id(parameter) for parameter in (*kernels[:1], *kernels[-1:])}
    found: list[dict[str, Any]] = []
    for group in groups:
        turned = [p for p in group["params"] if p.ndim > 1 and id(p) not in outer]
        moved = [p for p in group["params"] if p.ndim <= 1 or id(p) in outer]
        found.append(group | {"params": turned, "turns": True})
        found.append(group | {"params": moved, "turns": False, "share": OUTER * group["share"]})
    return found
