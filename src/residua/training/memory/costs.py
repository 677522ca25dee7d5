"""What each part of a network keeps for its gradient, measured on a forward pass of the network itself."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from residua.look.untouched import untouched
from residua.parts import Chain

KEPT: Final = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
"""Layers whose outputs may be worth their memory: all the work of a network is in them."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A part of a network and, in bytes, what it costs.

    Attributes:
        name: of the part in the network.
        part: the part itself.
        enters: the size of what comes in.
        plain: what ordinary autograd keeps for it and for all within.
        outputs: the size of what its convolutions and linear layers give, of those that are worth keeping.
        both: of those outputs, what ordinary autograd keeps too.
        own: of `plain`, what no part within accounts for.
        shared: what ordinary autograd keeps for it that it keeps for a part before it too.
        inner: the parts within.
    """

    name: str
    part: nn.Module
    enters: int
    plain: int
    outputs: int
    both: int
    own: int
    shared: int
    inner: tuple["Piece", ...]

    def all(self) -> Iterator["Piece"]:
        """Walk it and all parts within."""
        yield self
        for piece in self.inner:
            yield from piece.all()

    @property
    def is_row(self) -> bool:
        """Whether the parts within run one after another, each once."""
        return isinstance(self.part, Chain) and len(self.part) == len(self.inner) > 0

    @property
    def last(self) -> int:
        """What of `outputs` is what it gives."""
        if self.is_row:
            return self.inner[-1].last
        return self.outputs if isinstance(self.part, KEPT) else 0


@final
class Ledger:
    """Who entered, who gave what, and who first kept which storage, while a network runs once."""

    def __init__(self, network: nn.Module, *, dear: int) -> None:
        self.dear = dear
        self.owned = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
        self.names = {module: name for name, module in network.named_modules()}
        self.running: list[nn.Module] = []
        self.enters: defaultdict[nn.Module, int] = defaultdict(int)
        self.plain: defaultdict[nn.Module, int] = defaultdict(int)
        self.outputs: defaultdict[nn.Module, int] = defaultdict(int)
        self.both: defaultdict[nn.Module, int] = defaultdict(int)
        self.shared: defaultdict[nn.Module, int] = defaultdict(int)
        self.given: dict[int, Tensor] = {}
        self.seen: set[int] = set()

    def enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Note that a module begins."""
        self.running.append(module)
        self.enters[module] = sum(x.numel() * x.element_size() for x in inputs if isinstance(x, Tensor))

    def leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Note that a module has ended, and what it gave if that is worth keeping."""
        self.running.pop()
        if isinstance(module, KEPT) and work(module) >= self.dear and isinstance(output, Tensor):
            # Held until the end: a storage that is freed gives its address to another.
            self.given[output.untyped_storage().data_ptr()] = output
            self.outputs[module] += output.untyped_storage().nbytes()

    def keep(self, saved: Tensor) -> Tensor:
        """Note what autograd keeps, each storage once; weights, and what is one number a channel, are not counted."""
        storage, module = saved.untyped_storage(), self.running[-1]
        weights = list(module.parameters(recurse=False))
        pointer = storage.data_ptr()
        # A weight in bfloat16 is a copy: it is known by its shape, or that of its transpose.
        if pointer in self.owned or any(saved.shape in (w.shape, w.shape[::-1]) for w in weights):
            return saved
        if pointer in self.seen:
            self.shared[module] += storage.nbytes()
            return saved
        self.seen.add(pointer)
        self.plain[module] += storage.nbytes()
        if pointer in self.given:
            self.both[module] += storage.nbytes()
        return saved

    def piece(self, module: nn.Module) -> Piece:
        """Return the costs of a module that has run."""
        inner = tuple(self.piece(child) for child in module.children())
        return Piece(
            name=self.names[module],
            part=module,
            enters=self.enters[module],
            plain=self.plain[module] + sum(piece.plain for piece in inner),
            outputs=self.outputs[module] + sum(piece.outputs for piece in inner),
            both=self.both[module] + sum(piece.both for piece in inner),
            own=self.plain[module],
            shared=self.shared[module],
            inner=inner,
        )


def work(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> int:
    """Return how many multiply-adds one value of what a layer gives takes.

    >>> work(nn.Conv2d(16, 8, 3)), work(nn.Conv2d(16, 16, 3, groups=16)), work(nn.Linear(10, 2))
    (144, 9, 10)
    """
    return layer.weight.numel() // (
        layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    )


def own_casts(device: str) -> torch.autocast:
    """Return autocast as it is on a kind of device, but that no copy of a weight is shared with other calls.

    What is computed again has to make the same calls as before, and a shared copy is made at the first of them only.
    """
    dtype, enabled = torch.get_autocast_dtype(device), torch.is_autocast_enabled(device)
    return torch.autocast(device, dtype, enabled=enabled, cache_enabled=False)


def measured(network: nn.Module, images: Tensor, *, dear: int = 0) -> Piece:
    """Run a network forward and return what each of its parts keeps for the gradient of these images.

    Args:
        network: any, in the mode that it is in; it is left as it was, and so are the random numbers.
        images: of which few are enough: what is kept grows with their number.
        dear: from how many multiply-adds a value the outputs of a convolution or linear layer are worth their memory.

    >>> piece = measured(Chain(conv=nn.Conv2d(3, 4, 1), relu=nn.ReLU()), torch.zeros(2, 3, 5, 5))
    >>> [(part.name, part.plain, part.outputs) for part in piece.inner]  # its input; its output
    [('conv', 600, 800), ('relu', 800, 0)]
    """
    ledger = Ledger(network, dear=dear)
    with ExitStack() as stack:
        stack.enter_context(untouched(network))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(own_casts(images.device.type))
        stack.enter_context(saved_tensors_hooks(ledger.keep, lambda saved: saved))
        for module in network.modules():
            stack.callback(module.register_forward_pre_hook(ledger.enter).remove)
            stack.callback(module.register_forward_hook(ledger.leave).remove)
        answer = network(images)  # held: with it goes all that is kept
    del answer
    return ledger.piece(network)
