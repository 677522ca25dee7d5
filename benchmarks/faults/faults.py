"""The faults, each planted by one function; a table names the causes that are right for it."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.cases import Case, healthy
from benchmarks.zoo.draw import FAMILIES, Family
from benchmarks.zoo.networks import Add, begin, build

Plant = Callable[[Case], Case | None]
"""It returns the case with its fault, or None where the family has no place for it."""


class Fault(NamedTuple):
    """A kind of fault.

    Attributes:
        plant: it.
        causes: names that are right for it.
        runs: it shows while the training runs, and not before.
    """

    plant: Plant
    causes: tuple[str, ...]
    runs: bool = False


class Detached(nn.Module):
    """A layer somebody left out of the graph."""

    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


class Shifted(nn.Module):
    """A layer whose bias is so low that nothing passes the activation after it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) - 50


class Slim(nn.Module):
    """A branch that gives one channel, which the sum repeats."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x).mean(1, keepdim=True)


class Rewritten(nn.Module):
    """A block whose branch begins with an activation in place, on the value that the shortcut still needs."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.first = nn.ReLU(inplace=True)
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(self.first(x)) + x


def weighted(case: Case) -> list[nn.Conv2d | nn.Linear]:
    """Return the layers of a network."""
    return [m for m in case.model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def head(case: Case) -> tuple[str, nn.Module]:
    """Return the last layer of a network and its name."""
    layers = [(n, m) for n, m in case.model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    return layers[-1]


def normed_by_batch(case: Case) -> bool:
    """Return whether a network has a norm over the batch."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in case.model.modules())


def without_norm(case: Case, activation: str | None = None) -> Case:
    """Return the same case without norms, whose weights then decide everything."""
    return healthy(case.family, case.seed, norm="none", activation=activation)


def resized(factor: float) -> Plant:
    """Return the plant that draws all weights too large or too small."""

    def plant(case: Case) -> Case:
        case = without_norm(case, "relu")
        for layer in weighted(case):
            begin(layer, "he")
            layer.weight.data.mul_(factor)
        return case

    return plant


def too_deep(case: Case) -> Case | None:
    """Make a row of layers far too deep for one without shortcuts."""
    if case.family not in ("plain", "mlp"):
        return None
    drawn = type(case.drawn)(case.drawn.number, case.family, 60, "batch", "relu", "he", False)
    case.drawn, case.model = drawn, build(drawn)
    return case


def saturated(case: Case) -> Case:
    """Drive every tanh to its ends."""
    case = without_norm(case, "tanh")
    for layer in weighted(case):
        begin(layer, "he")
        layer.weight.data.mul_(12)
    return case


def dead(case: Case) -> Case | None:
    """Let nothing pass the first activation."""
    if case.family not in ("plain", "mlp"):
        return None
    case = without_norm(case, "relu")
    assert isinstance(case.model, nn.Sequential)
    place = next(i for i, m in enumerate(case.model) if isinstance(m, nn.Conv2d | nn.Linear))
    case.model[place] = Shifted(case.model[place])
    return case


def asleep(case: Case) -> Case:
    """Set every weight to zero."""
    case = without_norm(case)
    for layer in weighted(case):
        nn.init.zeros_(layer.weight)
    return case


def detached(case: Case) -> Case:
    """Cut the graph before the head."""
    name, last = head(case)
    above, _, leaf = name.rpartition(".")
    setattr(case.model.get_submodule(above), leaf, nn.Sequential(Detached(), last))
    return case


def softmaxed(case: Case) -> Case:
    """End in a softmax, before a loss that applies one."""
    case.model = nn.Sequential(case.model, nn.Softmax(1))
    return case


def squashed(case: Case) -> Case:
    """End in a sigmoid, before a loss that applies one."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, targets)

    case.model = nn.Sequential(case.model, nn.Sigmoid())
    case.loss = loss
    case.train = case.train[0], F.one_hot(case.train[1], case.drawn.on.classes).float().movedim(-1, 1)
    return case


def logless(case: Case) -> Case:
    """End in a softmax, before a loss that wants logarithms."""
    case.model = nn.Sequential(case.model, nn.Softmax(1))
    case.loss = F.nll_loss
    return case


def summed(case: Case) -> Case:
    """Add the losses up instead of averaging them."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, reduction="sum")

    case.loss = loss
    return case


def frozen(case: Case) -> Case:
    """Freeze everything."""
    case.model.requires_grad_(False)
    return case


def evaluating(case: Case) -> Case | None:
    """Train in evaluation mode."""
    if not normed_by_batch(case):
        return None
    case.evaluating = True
    case.model.eval()
    return case


def single(case: Case) -> Case | None:
    """Give a norm over the batch next to nothing to look at."""
    if not normed_by_batch(case) or case.family == "unet":  # a U-Net's norms see the pixels of the two
        return None
    case.batch = 2
    return case


def forgetful(case: Case) -> Case | None:
    """Let the running statistics never move."""
    norms = [m for m in case.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 0.0
        if norm.running_mean is not None:
            norm.running_mean.fill_(5)
    return case if norms else None


def rewritten(case: Case) -> Case | None:
    """Let the first activation of each branch write over its shortcut."""
    return blocks_replaced(case, lambda block: Rewritten(block.branch) if block.project is None else block)


def repeated(case: Case) -> Case | None:
    """Let each branch give one channel."""
    if case.family == "transformer":
        return None

    def slim(block: Add) -> nn.Module:
        return Add(Slim(block.branch), block.project) if block.project is None else block

    return blocks_replaced(case, slim)


def blocks_replaced(case: Case, change: Callable[[Add], nn.Module]) -> Case | None:
    """Change every block of a network; None where it has none."""
    changed = False
    if not isinstance(case.model, nn.Sequential):
        return None
    for place, part in enumerate(case.model):
        if isinstance(part, Add):
            case.model[place], changed = change(part), True
    return case if changed else None


def runaway(case: Case) -> Case | None:
    """Let every step go on for ever."""
    if case.adam:
        return None
    case.momentum = 1.0
    return case


def set_to(**values: float) -> Plant:
    """Return the plant that sets fields of the case."""

    def plant(case: Case) -> Case:
        for name, value in values.items():
            setattr(case, name, value)
        return case

    return plant


def lr_times(factor: float) -> Plant:
    """Return the plant that multiplies the learning rate."""

    def plant(case: Case) -> Case:
        case.lr *= factor
        return case

    return plant


def half_moved(case: Case) -> Case:
    """Give the optimiser the head alone."""
    last = list(head(case)[1].parameters())
    case.moved = lambda model: last
    return case


def nothing_scheduled(case: Case) -> Case:
    """End the schedule after its first step."""
    case.schedule = lambda done: 1.0 if done == 0 else 0.0
    return case


def not_cleared(case: Case) -> Case:
    """Never clear the gradients."""
    case.clears = False
    return case


def inputs_changed(change: Callable[[Tensor], Tensor]) -> Plant:
    """Return the plant that changes the pictures, of training and test alike."""

    def plant(case: Case) -> Case:
        case.train, case.test = (change(case.train[0]), case.train[1]), (change(case.test[0]), case.test[1])
        return case

    return plant


def labels_changed(change: Callable[[Tensor], Tensor]) -> Plant:
    """Return the plant that changes the labels to learn from."""

    def plant(case: Case) -> Case:
        case.train = case.train[0], change(case.train[1])
        return case

    return plant


def shuffled(labels: Tensor) -> Tensor:
    """Return the labels in another order."""
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]


TOO_HIGH = ("learning rate too high", "momentum out of range")
FAULTS: Final[dict[str, Fault]] = {
    "weights too small": Fault(
        resized(0.05),
        ("signal dies", "gradient vanishes", "samples collapse", "weights stay zero", "steps lead nowhere"),
    ),
    "weights too large": Fault(
        resized(6.0), ("signal explodes", "gradient explodes", "learning rate too high", "gradient shatters")
    ),
    "too deep without shortcuts": Fault(
        too_deep, ("gradient shatters", "gradient explodes", "gradient vanishes")
    ),
    "saturated tanh": Fault(saturated, ("saturated units", "gradient explodes", "gradient shatters")),
    "dead units": Fault(dead, ("dead units", "samples collapse", "weights stay zero")),
    "all weights zero": Fault(asleep, ("weights stay zero", "samples collapse", "signal dies")),
    "detached": Fault(detached, ("detached layers", "loss is detached")),
    "frozen": Fault(frozen, ("everything is frozen", "loss is detached")),
    "softmax before cross-entropy": Fault(softmaxed, ("softmax before a loss that applies one",)),
    "sigmoid before its loss": Fault(squashed, ("sigmoid before a loss that applies one",)),
    "probabilities to nll_loss": Fault(logless, ("loss needs logarithms of probabilities",)),
    "loss summed": Fault(summed, ("loss grows with the batch", "learning rate too high")),
    "norm in evaluation mode": Fault(evaluating, ("norm in evaluation mode",)),
    "batch of two": Fault(single, ("batch too small for its norm",)),
    "running statistics stuck": Fault(
        forgetful, ("running statistics broken", "train and evaluation differ")
    ),
    "shortcut rewritten": Fault(rewritten, ("in-place layer rewrites a shortcut",)),
    "branch of one channel": Fault(repeated, ("sum of unlike shapes",)),
    "rate too high": Fault(lr_times(1000), TOO_HIGH),
    "rate too low": Fault(lr_times(1e-5), ("learning rate too low",)),
    "momentum of 1": Fault(runaway, TOO_HIGH),
    "decay too strong": Fault(set_to(decay=20.0), ("weight decay swallows the weights",)),
    "head alone is moved": Fault(half_moved, ("optimiser misses parameters",)),
    "gradients not cleared": Fault(not_cleared, ("gradients are not cleared",), runs=True),
    "schedule ends at once": Fault(nothing_scheduled, ("schedule has ended",), runs=True),
    "bytes as inputs": Fault(
        inputs_changed(lambda x: (x - x.min()) / (x.max() - x.min()) * 255), ("inputs are not normalised",)
    ),
    "constant inputs": Fault(inputs_changed(torch.ones_like), ("inputs are constant",)),
    "inputs with NaN": Fault(
        inputs_changed(lambda x: torch.where(x > 1, torch.nan, x)), ("inputs are not finite",)
    ),
    "one class": Fault(labels_changed(torch.zeros_like), ("one class only",)),
    "labels shuffled": Fault(
        labels_changed(shuffled), ("labels do not follow the inputs", "masks out of step")
    ),
    "labels from 1": Fault(labels_changed(lambda y: y + 1), ("labels out of range",)),
}


def planted(name: str, family: Family, seed: int) -> Case | None:
    """Return a case with the named fault; None where the family has no place for it."""
    return FAULTS[name].plant(healthy(family, seed))


def everything(seeds: Iterable[int], families: Iterable[Family] = FAMILIES) -> list[tuple[str, Family, int]]:
    """Return every fault in every family that may have a place for it, for some seeds."""
    return [(name, family, seed) for seed in seeds for name in FAULTS for family in families]
