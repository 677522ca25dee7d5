"""Two searches on a copy before training: a learning rate that works, and a batch that fits."""

import copy
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from residua.data.memory import free_bytes
from residua.errors import BadInput
from residua.look import Loss
from residua.optim import make_optimizer
from residua.training.memory import measured_peak, thrifty
from residua.training.recipe import Memory, Recipe
from residua.training.seed import random_states, set_random_states

LOWEST, HIGHEST, STEPS = 1e-5, 10.0, 100


def find_lr(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    recipe: Recipe,
    *,
    loss: Loss,
    tell: Callable[[int, int], None] | None = None,
) -> float:
    """Raise the learning rate from 1e-5 to 10 over 100 steps of a copy; return a tenth of where the loss is lowest.

    The range test of Smith 2015 (arXiv:1506.01186) with a smoothed loss, and the tenth that fastai takes of it.
    It ends once the loss is four times its lowest. The model and all random states are as they were.

    Args:
        model: left as it is.
        batches: pictures and targets, on the model's device; no more are drawn than there are steps.
        recipe: whose optimiser is tried.
        loss: from logits and targets to one number.
        tell: told as it goes on how many steps are done, and of how many.

    Raises:
        BadInput: the loss never falls.
    """
    states = random_states()
    trial = copy.deepcopy(model).train()
    optimizer = make_optimizer(
        trial, kind=recipe.optimizer, lr=LOWEST, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    forward = thrifty(trial, recipe.memory, kernels=recipe.kernels)
    smooth, lowest, best = 0.0, math.inf, LOWEST
    first = math.nan
    for step, (images, targets) in zip(range(STEPS), batches, strict=False):
        lr = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        for group in optimizer.param_groups:
            group["lr"] = lr * group["share"]
        value = loss(forward(images), targets)
        optimizer.zero_grad()
        torch.autograd.backward(value)
        optimizer.step()
        smooth = 0.9 * smooth + 0.1 * value.item()
        current = smooth / (1 - 0.9 ** (step + 1))
        first = current if step == 0 else first
        if not math.isfinite(current) or current > 4 * lowest:
            break
        if current < lowest:
            lowest, best = current, lr
        if tell is not None:
            tell(step + 1, STEPS)
    set_random_states(states)
    if not lowest < first:
        raise BadInput(
            "--lr auto found no learning rate at which the loss falls; check the labels, or give one"
        )
    return float(f"{best / 10:.2g}")


def fitting_batch(model: nn.Module, image: Tensor, memory: Memory = "plain") -> tuple[int, str]:
    """Return the largest power of two that fits in half of the free memory, and how that was found.

    What is kept for the gradient is measured on two copies of one picture, each storage once.

    Args:
        model: left as it is.
        image: one picture, batch dimension included, on the model's device.
        memory: how much of that the training keeps.
    """
    each = measured_peak(copy.deepcopy(model).train(), image.repeat(2, 1, 1, 1), memory) / 2
    free = free_memory(image.device)
    # Gradients of activations live beside the activations for a while: count each twice.
    fits = max(2, int(free / 2 / (2 * each)))
    return 1 << (fits.bit_length() - 1), f"{each / 2**20:.1f} MB a picture, {free / 2**30:.1f} GB free"


def free_memory(device: torch.device) -> int:
    """Return the bytes that are free on a device."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_bytes()
