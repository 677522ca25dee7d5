"""How values flow through any model, as far as it can go wrong without an error."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from residua.exam.observation import Wiring
from residua.exam.shortest import shortest_way
from residua.look import answer, seeded, untouched
from residua.look.visit import own_parameters

ADDITIONS = {torch.add, torch.Tensor.add, torch.Tensor.add_, torch.Tensor.__add__, torch.Tensor.__iadd__}
MOST_TRIED = 24
"""In-place layers that are asked one by one which of them it is."""


@final
class Additions(TorchFunctionMode):
    """Count the additions of two values that both come from the batch, and note those of unlike shapes.

    Args:
        samples: in the batch.
    """

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.where = ""
        self.sums = 0
        self.broadcast: list[str] = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if function in ADDITIONS and len(args) > 1:
            self.note(*args[:2])
        return function(*args, **(kwargs or {}))

    def note(self, one: object, other: object) -> None:
        """Look at one addition."""
        if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
            return
        if min(one.ndim, other.ndim) < 2 or not len(one) == len(other) == self.samples:
            return
        self.sums += 1
        # Of unlike sizes it is no sum of pictures, but such as a mask that is added to attention.
        pictures = one.ndim == other.ndim == 4 and one.shape[2:] == other.shape[2:]
        if pictures and one.shape[1] != other.shape[1]:
            shapes = " + ".join(" × ".join(map(str, value.shape[1:])) for value in (one, other))
            self.broadcast.append(f"{shapes} in {self.where or 'the model'}")


def wiring(model: nn.Module, inputs: Tensor) -> Wiring:
    """Run any model once and note its additions; once more without in-place layers, and compare.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        inputs: a batch, samples first.
    """
    calls: dict[str, int] = {}
    additions = Additions(len(inputs))
    with untouched(model), torch.no_grad(), ExitStack() as hooks:
        for name, module in model.named_modules():
            handle = module.register_forward_pre_hook(entering(additions, calls, name))
            hooks.callback(handle.remove)
        with additions:
            model(inputs)
    weighted = [
        name
        for name, module in model.named_modules()
        if any(parameter.ndim > 1 for parameter in own_parameters(module))
    ]
    return Wiring(
        rewritten=rewritten(model, inputs),
        broadcast=tuple(dict.fromkeys(additions.broadcast)),
        sums=additions.sums,
        shortest=shortest_way(model, inputs),
        shared=sum(calls.get(name, 0) > 1 for name in weighted),
    )


def entering(additions: Additions, calls: dict[str, int], name: str) -> Callable[..., None]:
    """Return a hook that notes which module is running."""

    def enter(*_: object) -> None:
        additions.where = name
        calls[name] = calls.get(name, 0) + 1

    return enter


def rewritten(model: nn.Module, inputs: Tensor) -> tuple[str, ...]:
    """Return the in-place layers that change what the model gives, as one does that rewrites a shortcut."""
    layers = in_place(model)
    if not layers:
        return ()
    given = run(model, inputs)
    with copying(layers.values()):
        changed = differs(given, run(model, inputs))
    if not changed:
        return ()
    guilty = []
    for name, layer in list(layers.items())[:MOST_TRIED]:
        with copying([layer]):
            if differs(given, run(model, inputs)):
                guilty.append(name)
    return tuple(guilty) or tuple(layers)[:1]


def in_place(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layers that write over their input, by name."""
    return {
        name: module for name, module in model.named_modules() if getattr(module, "inplace", False) is True
    }


@contextmanager
def copying(layers: Any) -> Iterator[None]:
    """Let these layers give a new value rather than write over their input."""
    chosen = list(layers)
    try:
        for layer in chosen:
            layer.inplace = False
        yield
    finally:
        for layer in chosen:
            layer.inplace = True


def run(model: nn.Module, inputs: Tensor) -> Tensor | None:
    """Return what the model gives, with the same random draws each time; None if it is no tensor."""
    with untouched(model), seeded(model), torch.no_grad():
        return answer(model(inputs.clone()))


def differs(one: Tensor | None, other: Tensor | None) -> bool:
    """Return whether two outputs differ by more than rounding."""
    if one is None or other is None:
        return False
    return bool((one - other).norm() > 1e-3 * one.norm())
