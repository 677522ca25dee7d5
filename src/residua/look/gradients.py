"""How large the gradient is on its way back, and whether a step along it still finds it there."""

import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from residua.look.examples import Examples, Loss, differentiable
from residua.look.signal import mean_square
from residua.look.untouched import untouched
from residua.look.visit import looked_at, own_parameters


@final
@dataclass(frozen=True, slots=True)
class GradientRow:
    """The gradient of the loss at one part, in the order of the run.

    Attributes:
        position: 0 for the part that ran first, the nearest to the input.
        name: of the part in the model.
        kind: its class.
        norm: Euclidean norm of the gradient with respect to what leaves the part.
        second_moment: mean square of that gradient, which compares parts of different size.
        parameters: norm of the gradient of the part's own parameters; None where it has none.
    """

    position: int
    name: str
    kind: str
    norm: float
    second_moment: float
    parameters: float | None


def gradient_norms(
    model: nn.Module,
    examples: Examples,
    *,
    loss: Loss = F.cross_entropy,
    only: type[nn.Module] | None = None,
) -> tuple[GradientRow, ...]:
    """Differentiate the loss of a batch and measure the gradient at each layer and each join of any model.

    The model runs in the mode that it is in. A part whose output has no gradient, such as one that nothing
    reads, has no row.

    Args:
        model: any module; it is left as it was.
        examples: inputs and targets.
        loss: from outputs and targets to one number.
        only: measure parts of this class alone; without it the joins and every module that holds no other.

    >>> examples = torch.ones(1, 2), torch.tensor([0])
    >>> [row.name for row in gradient_norms(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), examples)]
    ['0', '1']
    """
    return backward(model, examples, loss=loss, only=only).rows


@final
@dataclass(frozen=True, slots=True, eq=False)
class Backward:
    """What one pass forward and back has found.

    Attributes:
        rows: of the parts, in the order of the run.
        gradients: of each floating or complex parameter by its name, frozen or not, in real numbers; None for one that
            the loss does not reach.
        loss: of the pass.
    """

    rows: tuple[GradientRow, ...]
    gradients: dict[str, Tensor | None]
    loss: float


def backward(
    model: nn.Module,
    examples: Examples,
    *,
    loss: Loss = F.cross_entropy,
    only: type[nn.Module] | None = None,
) -> Backward:
    """Differentiate the loss of a batch once, and keep the gradient of every part and of every parameter.

    Args:
        model: any module, in the mode that it is in; it is left as it was.
        examples: inputs and targets.
        loss: from outputs and targets to one number; one that depends on nothing gives no gradients.
        only: rows for parts of this class alone.

    >>> found = backward(nn.Linear(2, 3), (torch.ones(1, 2), torch.tensor([0])))
    >>> found.gradients["weight"].shape
    torch.Size([3, 2])
    """
    reached: list[tuple[str, nn.Module, list[Tensor]]] = []

    def watch(name: str, module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.requires_grad:
            seen: list[Tensor] = []
            reached.append((name, module, seen))
            # A hook sees the gradient of this value even when an in-place layer writes over it afterwards.
            output.register_hook(seen.append)  # type: ignore[no-untyped-call]

    with untouched(model), torch.enable_grad(), ExitStack() as hooks:
        for name, module in looked_at(model, only):
            hooks.callback(module.register_forward_hook(partial(watch, name)).remove)
        inputs, targets = examples
        value = loss(model(differentiable(inputs)), targets)
        if value.requires_grad:
            torch.autograd.backward(value)
        rows = tuple(
            gradient_row(position, name, module, seen[0])
            for position, (name, module, seen) in enumerate(entry for entry in reached if entry[2])
        )
        gradients = {
            name: None if p.grad is None else as_numbers(p.grad)
            for name, p in model.named_parameters()
            if p.requires_grad
        }
        return Backward(rows, gradients, value.item())


def gradient_row(position: int, name: str, module: nn.Module, gradient: Tensor) -> GradientRow:
    """Return the row of one part while the gradients of its parameters are still there."""
    square = mean_square(gradient)
    own = [as_numbers(p.grad) for p in own_parameters(module) if p.grad is not None]
    return GradientRow(
        position,
        name,
        type(module).__name__,
        math.sqrt(square * gradient.numel()),
        square,
        norm(own) if own else None,
    )


@final
@dataclass(frozen=True, slots=True)
class Coherence:
    """Whether the gradient survives a tiny step along itself.

    Attributes:
        cosine: between the gradient here and after the step, over all weights: near 1 a step knows where it
            goes; near 0 the gradient says nothing about its own neighbourhood.
        gradient_norm: of the gradient here.
        tensors: the cosine of each weight alone, by its name.
    """

    cosine: float
    gradient_norm: float
    tensors: tuple[tuple[str, float], ...]


def coherence(
    model: nn.Module,
    examples: Examples,
    *,
    loss: Loss = F.cross_entropy,
    step: float = 3e-4,
    known: Mapping[str, Tensor | None] | None = None,
) -> Coherence:
    """Compare the gradient here with the gradient after a tiny step down along it, on the same batch.

    Args:
        model: any module, in the mode that it is in; it is left as it was.
        examples: inputs and targets.
        loss: from outputs and targets to one number.
        step: its length as a share of the norm of all weights.
        known: the gradients here, by the names of the parameters, if they have been computed already.

    >>> _ = torch.manual_seed(0)
    >>> examples = torch.ones(1, 2), torch.tensor([0])
    >>> round(coherence(nn.Linear(2, 3), examples).cosine, 3)
    1.0
    """
    weights = {
        name: as_numbers(p.detach())
        for name, p in model.named_parameters()
        if p.is_floating_point() or p.is_complex()
    }
    if known is None:
        here = gradient_at(model, weights, examples, loss)
    else:
        here = {name: torch.zeros_like(w) if (g := known[name]) is None else g for name, w in weights.items()}
    size, length = norm(weights.values()), norm(here.values())
    scale = step * size / length if length else 0.0
    there = gradient_at(model, {name: w - scale * here[name] for name, w in weights.items()}, examples, loss)
    dots = {name: dot(here[name], there[name]) for name in weights}
    return Coherence(
        cosine(sum(dots.values()), length, norm(there.values())),
        length,
        tuple((name, cosine(dots[name], norm([here[name]]), norm([there[name]]))) for name in weights),
    )


def gradient_at(
    model: nn.Module, weights: dict[str, Tensor], examples: Examples, loss: Loss
) -> dict[str, Tensor]:
    """Return the gradient of the loss with respect to each weight, at these weights."""
    inputs, targets = examples
    with untouched(model), torch.enable_grad():
        leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        value = loss(functional_call(model, as_weights(leaves, model), (inputs,)), targets)
        gradients = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
    return dict(zip(leaves, map(as_numbers, gradients), strict=True))


def as_numbers(gradient: Tensor) -> Tensor:
    """Return a gradient as real numbers side by side: a sparse one in full, of a complex one both parts.

    >>> as_numbers(torch.tensor([1 + 2j])).tolist()
    [[1.0, 2.0]]
    """
    full = gradient.to_dense() if gradient.is_sparse else gradient
    return torch.view_as_real(full) if full.is_complex() else full


def as_weights(numbers: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return real numbers as the weights of a model that they stand for: two of them are a complex one."""
    own = dict(model.named_parameters())
    return {
        name: torch.view_as_complex(values) if own[name].is_complex() else values
        for name, values in numbers.items()
    }


def norm(tensors: Iterable[Tensor]) -> float:
    """Return the Euclidean norm of all numbers in some tensors together."""
    return math.sqrt(sum(mean_square(tensor) * tensor.numel() for tensor in tensors))


def dot(one: Tensor, other: Tensor) -> float:
    """Return the product of two tensors as vectors, in double precision."""
    return torch.dot(one.flatten().double(), other.flatten().double()).item()


def cosine(product: float, one: float, other: float) -> float:
    """Return the cosine of two vectors from their product and norms; 0 where one of them is zero."""
    return product / (one * other) if one and other else 0.0
