"""A model that takes several tensors, by name or in a row, looked at as if it took one.

The parts lie side by side in one tensor, a row a sample, so that whatever takes some samples, shuffles or nudges a
batch does it to all of them. A hook of the model's takes them apart again before its own forward sees them.
"""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from residua.errors import BadInput
from residua.exam.calling import REFUSALS
from residua.look import Examples, Loss, untouched

Batch = tuple[Any, Any]
"""Inputs and targets, samples first: each a tensor, or several by name or in a row."""

FEW: Final = 8
"""Samples that show whether a model takes them in a row or as one thing."""
EXACT: Final = 2**24
"""Whole numbers below this are themselves in float32."""


@final
class Layout:
    """How the tensors of one part of a batch lie side by side.

    Args:
        given: tensors by name or in a row, also within one another; what is no tensor is the same for all samples.
        what: it is, in the words of an error.

    Raises:
        BadInput: there is no tensor, they hold different numbers of samples, or complex numbers.

    >>> layout = Layout({"left": torch.ones(3, 2), "right": torch.arange(3)}, "inputs")
    >>> layout.packed
    tensor([[1., 1., 0.],
            [1., 1., 1.],
            [1., 1., 2.]])
    >>> layout.apart(layout.packed[:2])["right"]
    tensor([0, 1])
    """

    def __init__(self, given: Any, what: str) -> None:
        self.leaves, self.form = pytree.tree_flatten(dict(given) if isinstance(given, Mapping) else given)
        self.places = [
            place for place, leaf in enumerate(self.leaves) if isinstance(leaf, Tensor) and leaf.ndim
        ]
        parts: list[Tensor] = [self.leaves[place].detach() for place in self.places]
        refuse_parts(parts, given, what)
        self.shapes = [part.shape[1:] for part in parts]
        self.types = [part.dtype for part in parts]
        self.widths = [part.shape[1:].numel() for part in parts]
        self.packed = parts[0] if len(parts) == 1 else side_by_side(parts)
        for place in self.places:
            self.leaves[place] = None

    @property
    def main(self) -> int:
        """The part that is spoken of: the largest of floating numbers, or else the first."""
        return max(
            range(len(self.types)), key=lambda k: (self.types[k].is_floating_point, self.widths[k], -k)
        )

    def part(self, packed: Tensor, place: int) -> Tensor:
        """Return one part of some samples."""
        if len(self.widths) == 1:
            return packed
        start = sum(self.widths[:place])
        values = packed[:, start : start + self.widths[place]]
        return values.reshape(len(packed), *self.shapes[place]).to(self.types[place])

    def apart(self, packed: Tensor) -> Any:
        """Return some samples in the form in which they were given."""
        leaves = list(self.leaves)
        for position, place in enumerate(self.places):
            leaves[place] = self.part(packed, position)
        return pytree.tree_unflatten(leaves, self.form)


@final
class Apart:
    """The hook that gives a model its inputs in the form in which it takes them: by name, in a row, or as one thing."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        self.layout = layout
        given = layout.apart(layout.packed[:1])
        self.named = isinstance(given, dict) and binds(model, (), given)
        self.in_a_row = isinstance(given, tuple | list) and binds(model, given, {})
        if self.in_a_row and binds(
            model, (given,), {}
        ):  # what follows the first argument may be something else
            some = layout.apart(layout.packed[:FEW])
            self.in_a_row = takes(model, some) or not takes(model, (some,))

    def __deepcopy__(self, _: object) -> "Apart":
        """Return itself: a copy of the model takes what the model takes."""
        return self

    def __call__(self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
        """Return what the model is called with in place of one packed tensor."""
        inputs = self.layout.apart(given[0])
        if self.named:
            return given[1:], {**inputs, **named}
        return (*(inputs if self.in_a_row else (inputs,)), *given[1:]), named


@final
class Fresh:
    """The hook that gives a model a copy of each batch, over which it may write, as one that normalises in place."""

    def __deepcopy__(self, _: object) -> "Fresh":
        """Return itself: there is nothing in it."""
        return self

    def __call__(self, _: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what the model is called with."""
        return tuple(value.clone() if isinstance(value, Tensor) else value for value in given)


def binds(model: nn.Module, given: Any, named: dict[str, Any]) -> bool:
    """Return whether the forward of a model can be called so."""
    try:
        inspect.signature(model.forward).bind(*given, **named)
    except (TypeError, ValueError):
        return False
    return True


def takes(model: nn.Module, given: Any) -> bool:
    """Return whether a model can be called with some arguments."""
    try:
        with untouched(model), torch.no_grad():
            model(*given)
    except REFUSALS:
        return False
    return True


def side_by_side(parts: list[Tensor]) -> Tensor:
    """Return the numbers of all parts in one tensor, a row a sample."""
    common = common_type(parts)
    return torch.cat([part.reshape(len(part), -1).to(common) for part in parts], 1)


def refuse_parts(parts: list[Tensor], given: Any, what: str) -> None:
    """Raise `BadInput` for what cannot lie side by side."""
    if not parts:
        raise BadInput(
            f"the {what} are of type {type(given).__name__}, in which there is no tensor with samples; give a tensor, "
            "or several by name or in a row, samples first"
        )
    counts = sorted({len(part) for part in parts})
    if len(counts) > 1:
        raise BadInput(
            f"the {what} hold tensors of {' and '.join(f'{count:,}' for count in counts)} samples; each must begin "
            "with the same samples. What is the same for all of them belongs into the model, as a buffer"
        )
    if len(parts) > 1 and any(part.is_complex() for part in parts):
        raise BadInput(f"among the {what} are complex numbers beside others; give torch.view_as_real of them")


def common_type(parts: list[Tensor]) -> torch.dtype:
    """Return the least type that holds the numbers of all parts: whole ones stay whole where there are no others."""
    if not any(part.is_floating_point() for part in parts):
        return torch.int64
    whole = [part for part in parts if not part.is_floating_point() and part.numel()]
    large = any(part.long().abs().max() >= EXACT for part in whole)
    return torch.float64 if large or any(part.dtype == torch.float64 for part in parts) else torch.float32


@contextmanager
def packed(model: nn.Module, batch: Batch, loss: Loss) -> Iterator[tuple[Examples, Loss]]:
    """Give a batch as two tensors, and a loss that takes them; for so long the model takes them too, and its copies.

    Args:
        model: it has hooks more within, and is as it was afterwards.
        batch: two tensors are given back as they are.
        loss: from what the model gives and the targets, in the form in which they are given.
    """
    if len(batch) != 2:
        raise BadInput(
            f"the batch has {len(batch)} parts; give inputs and targets, as in ((left, right), labels) where there are "
            "several of one"
        )
    inputs, targets = batch
    held = loss
    if not isinstance(targets, Tensor):
        layout = Layout(targets, "targets")
        targets, held = layout.packed, OfParts(loss, layout)
    with ExitStack() as hooks:
        if not isinstance(inputs, Tensor):
            apart = Apart(model, Layout(inputs, "inputs"))
            inputs = apart.layout.packed
            hooks.callback(model.register_forward_pre_hook(apart, prepend=True, with_kwargs=True).remove)
        hooks.callback(model.register_forward_pre_hook(Fresh(), prepend=True).remove)
        yield (inputs, targets), held


@final
class OfParts:
    """A loss that takes targets side by side, made of one that takes them apart."""

    def __init__(self, loss: Loss, layout: Layout) -> None:
        self.loss, self.layout = loss, layout

    def __call__(self, given: Any, targets: Tensor) -> Tensor:
        """Return the loss."""
        return self.loss(given, self.layout.apart(targets))


def module_of(loss: Loss) -> nn.Module:
    """Return the module that a loss is, which may hold weights and buffers; an empty one for a function."""
    within = loss.loss if isinstance(loss, OfParts) else loss
    return within if isinstance(within, nn.Module) else nn.Module()


def many_targets(loss: Loss) -> bool:
    """Return whether a loss is given several targets, of which each has classes of its own."""
    return isinstance(loss, OfParts) and len(loss.layout.widths) > 1


def unpacked(model: nn.Module) -> nn.Module:
    """Take the hooks off a copy that was made within, and return the copy."""
    for key, hook in list(model._forward_pre_hooks.items()):
        if isinstance(hook, Apart | Fresh):
            del model._forward_pre_hooks[key]
            model._forward_pre_hooks_with_kwargs.pop(key, None)
    return model


def layout_of(model: nn.Module) -> Layout | None:
    """Return how the inputs of a model lie side by side; None where it takes one tensor."""
    return next((hook.layout for hook in model._forward_pre_hooks.values() if isinstance(hook, Apart)), None)


def main_part(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the inputs of a model, or of several side by side those that are spoken of."""
    layout = layout_of(model)
    return inputs if layout is None else layout.part(inputs, layout.main)
