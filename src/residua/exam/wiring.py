"""How values flow through any model, as far as it can go wrong without an error."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from residua.exam.in_place import giving_anew, rewritten
from residua.exam.observation import Wiring
from residua.exam.shortest import nodes_behind, shortest_way
from residua.look import answer, untouched
from residua.look.examples import differentiable
from residua.look.visit import own_parameters

ADDITIONS = {torch.add, torch.Tensor.add, torch.Tensor.add_, torch.Tensor.__add__, torch.Tensor.__iadd__}


@final
class Operations(TorchFunctionMode):
    """Count the additions of two values that both come from the batch, and note those of unlike shapes.

    And whether an activation writes over its input.

    Args:
        samples: in the batch.
    """

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.where = ""
        self.sums = 0
        self.in_place = False
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
        self.in_place |= giving_anew(function, args, kwargs or {}) is not None
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
        rows = one.ndim == other.ndim == 2
        if one.shape[1] != other.shape[1] and (pictures or (rows and follows(one, other))):
            shapes = " + ".join(" × ".join(map(str, value.shape[1:])) for value in (one, other))
            self.broadcast.append(f"{shapes} in {self.where or 'the model'}")


def wiring(model: nn.Module, inputs: Tensor) -> Wiring:
    """Run any model once and note how values flow; if any activation works in place, without that too, and compare.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        inputs: a batch, samples first.
    """
    calls: dict[str, int] = {}
    noted, leaf = Operations(len(inputs)), differentiable(inputs)
    with untouched(model), torch.enable_grad(), ExitStack() as hooks:
        for name, module in model.named_modules():
            handle = module.register_forward_pre_hook(entering(noted, calls, name))
            hooks.callback(handle.remove)
        with noted:
            given = model(leaf)
        shortest = shortest_way(answer(given), leaf)
    weighted = [
        name
        for name, module in model.named_modules()
        if any(parameter.ndim > 1 for parameter in own_parameters(module))
    ]
    return Wiring(
        rewritten=rewritten(model, inputs) if noted.in_place else (),
        broadcast=tuple(dict.fromkeys(noted.broadcast)),
        sums=noted.sums,
        shortest=shortest,
        shared=sum(calls.get(name, 0) > 1 for name in weighted),
        uncalled=frozenset(idle := set(uncalled(model, calls))),
        unchosen=frozenset(unchosen(model, idle)),
    )


def follows(one: Tensor, other: Tensor) -> bool:
    """Return whether the narrower of two legs is made from the wider, as a branch from what its shortcut carries.

    A number for each sample that is made beside the other leg is meant for all of it, as a value is for advantages.
    """
    narrow, wide = sorted((one, other), key=lambda value: value.shape[1])
    if narrow.grad_fn is None or wide.grad_fn is None:
        return False
    return wide.grad_fn in nodes_behind(narrow.grad_fn)


def uncalled(model: nn.Module, calls: Mapping[str, int]) -> Iterator[str]:
    """Walk the names of the modules that did not run, and are not part of one of PyTorch's own that did."""
    for name, module in model.named_modules():
        if calls.get(name):
            continue
        parent = name.rpartition(".")[0]
        own = type(model.get_submodule(parent)).__module__.startswith("torch.nn")
        # PyTorch's attention uses the weights of its layers, and does not call them.
        if not (own and calls.get(parent)) or isinstance(module, nn.ModuleList):
            yield name


def unchosen(model: nn.Module, idle: set[str]) -> Iterator[str]:
    """Walk the names of modules that did not run, as experts do not: others of their kind in the same list did."""
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList | nn.ModuleDict):
            beside = {f"{name}.{place}".lstrip("."): kind for place, kind in module.named_children()}
            ran = {type(kind) for place, kind in beside.items() if place not in idle}
            for place, kind in beside.items():
                if place in idle and type(kind) in ran:
                    yield from (f"{place}.{inner}".rstrip(".") for inner, _ in kind.named_modules())


def entering(noted: Operations, calls: dict[str, int], name: str) -> Callable[..., None]:
    """Return a hook that notes which module is running."""

    def enter(*_: object) -> None:
        noted.where = name
        calls[name] = calls.get(name, 0) + 1

    return enter
