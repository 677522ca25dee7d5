"""The third look: at a training while it runs, around anybody's loop.

It hangs on the optimiser's steps and on the model's call, reads little at most steps, and never changes a number.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, final

import torch
from torch import Tensor, nn

from residua.exam.arrivals import Arrivals
from residua.exam.cause import Cause
from residua.exam.inventory import optimisation
from residua.exam.rules.optimisation import of_rates, of_settings
from residua.look import answer
from residua.look.gradients import as_numbers

CLOSE: Final = 8
"""Steps at the beginning that are all looked at."""
EVERY: Final = 50
"""Of the later steps, one in so many."""
TINY: Final = 1e-7
"""Share of its size that a weight moves at a step, below which float32 loses it."""
HUGE: Final = 0.3
FOLLOWED: Final = 16
"""Weights whose moves are measured, about."""
ENDED: Final = 4
"""Steps at next to no learning rate; the last one of a short schedule is no fault."""


@final
class Watch:
    """What has been seen of a training so far.

    Attributes:
        steps: how many the optimiser has taken.
        causes: what was found, each once, with the step at which it was.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        tell: Callable[[Cause], None] | None = None,
    ) -> None:
        self.model = model
        self.tell = tell
        self.optimizer = optimizer
        self.steps = 0
        self.causes: tuple[Cause, ...] = ()
        moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
        own = {name: p for name, p in model.named_parameters() if p.requires_grad and id(p) in moved}
        self.names = {id(p): name for name, p in own.items()}
        self.zero = {id(p) for p in model.parameters() if not p.detach().any()}
        self.arrivals = Arrivals(own.values())
        self.searches = False
        """Whether a step computes the gradients itself, as with a closure."""
        self.rates: deque[float] = deque(maxlen=ENDED)
        self.highest_rate = 0.0
        self.before: dict[int, Tensor] = {}
        self.felt: dict[int, float] = {}
        self.still: set[str] = set(self.names.values())
        if not own and any(p.requires_grad for p in model.parameters()):
            self.add("optimiser misses parameters", "it moves none of this model's", harm=0.6)
        settings = optimisation(model, optimizer)
        for cause in (*of_rates(settings), *of_settings(settings)):
            if not cause.note:
                self.add(cause.name, cause.evidence, harm=cause.harm)

    @property
    def looking(self) -> bool:
        """Whether this step is one of those that are looked at closely."""
        return self.steps < CLOSE or self.steps % EVERY == 0

    def add(self, name: str, evidence: str, *, harm: float, layer: str | None = None) -> None:
        """Keep a cause, if it is the first of its name."""
        if name not in {cause.name for cause in self.causes}:
            said = f"step {self.steps + 1}: {evidence}"
            cause = Cause(name=name, evidence=said, layer=layer, harm=harm)
            self.causes = (*self.causes, cause)
            if self.tell:
                self.tell(cause)

    def said(self, beginning: str) -> bool:
        """Return whether a cause whose name begins so is known."""
        return any(cause.name.startswith(beginning) for cause in self.causes)

    def called(self, model: nn.Module, _: object, output: object) -> None:
        """Look at one call of the model; those without a gradient are somebody's evaluation."""
        if model is not self.model or not torch.is_grad_enabled() or not self.looking:
            return
        norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if norms and not model.training:
            self.add("norm in evaluation mode", "the model is trained in evaluation mode", harm=0.5)
        given = answer(output)
        # An answer of -inf rules a class out.
        if given is not None and bool((torch.isnan(given) | (given == math.inf)).any()):
            self.add("outputs are not finite", "the model gives values that are no numbers", harm=0.95)

    def begins(self, _: object, given: tuple[object, ...], named: dict[str, object]) -> None:
        """Look at a step that is about to be taken."""
        self.rates.append(max(float(group.get("lr", math.nan)) for group in self.optimizer.param_groups))
        self.highest_rate = max(self.highest_rate, self.rates[-1])
        # PyTorch gives a hook the optimiser itself before what `step` was called with.
        closure = given[1] if len(given) > 1 else named.get("closure")
        self.searches = closure is not None
        if not self.searches:
            self.look_at_gradients()
            if self.looking:
                # What has no gradient yet does not move, and what began at zero by much of its size, at any rate.
                sized = [
                    p
                    for group in self.optimizer.param_groups
                    for p in group["params"]
                    if self.felt.get(id(p)) and (self.steps >= CLOSE or id(p) not in self.zero)
                ]
                self.before = {id(p): p.detach().clone() for p in sized[:: max(1, len(sized) // FOLLOWED)]}

    def look_at_gradients(self) -> None:
        """Look at the gradients that a step goes along."""
        if self.arrivals.left_over():
            self.add(
                "gradients are not cleared",
                "the gradients of the last step are still there and the new ones are added to them: call "
                "optimizer.zero_grad() before each backward pass",
                harm=0.7,
            )
        if not self.looking:
            return
        grads = {
            id(p): p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None
        }
        self.felt = {}
        if not grads:
            if self.names and all(p.grad is None for p in self.model.parameters()):
                self.add("loss is detached", "no parameter has a gradient", harm=1.0)
            return
        norms = torch.stack(
            torch._foreach_norm([as_numbers(p.grad) for p in grads.values() if p.grad is not None])
        )
        self.felt = dict(zip(grads, norms.tolist(), strict=True))
        for key, norm in self.felt.items():
            # The square of a large number is none any more, and the number is.
            if not math.isfinite(norm) and not all_finite(grads[key].grad):
                self.add(
                    "gradient is not finite", "a gradient is no number", harm=0.95, layer=self.names.get(key)
                )
            if norm and key in self.names:
                self.still.discard(self.names[key])

    def ends(self, *_: object) -> None:
        """Look at how far the weights have moved."""
        if self.searches:
            self.look_at_gradients()
        if self.before:
            self.look_at_moves()
        self.before = {}
        self.look_at_rates()
        self.arrivals.used()
        self.steps += 1

    def look_at_moves(self) -> None:
        """Compare what the weights moved with what they are."""
        weights = {id(p): p for group in self.optimizer.param_groups for p in group["params"]}
        moved = torch.stack(
            torch._foreach_norm([weights[k].detach() - old for k, old in self.before.items()])
        )
        size = torch.stack(torch._foreach_norm(list(self.before.values())))
        shares = (moved / size.clamp_min(1e-12))[size > 0]
        if not len(shares):
            return
        middle = shares.median().item()
        if not math.isfinite(middle):
            self.add("weights are not finite", "a weight is no number after the step", harm=1.0)
        elif middle > HUGE and self.steps > 2:
            evidence = f"a step moves the weights by {100 * middle:.0f} % of their size"
            self.add("learning rate too high", evidence, harm=0.6)
        # A schedule may end as low as it likes.
        elif middle < TINY and self.rates[-1] > 0.01 * self.highest_rate and not self.said("learning rate"):
            self.add(
                "learning rate too low", f"a step moves the weights by {middle:.0e} of their size", harm=0.6
            )

    def look_at_rates(self) -> None:
        """Find steps of no length, and a schedule that is over before the training has begun."""
        if len(self.rates) == ENDED and self.highest_rate == self.rates[-1] == 0:
            self.add("learning rate is zero", "no step moves anything", harm=1.0)
        over = len(self.rates) == ENDED and max(self.rates) < 1e-4 * self.highest_rate
        if over and self.steps < EVERY:
            self.add(
                "schedule has ended",
                f"the learning rate has fallen from {self.highest_rate:g} to {self.rates[-1]:g}, and stays there",
                harm=0.8,
            )

    def ended(self) -> None:
        """Name what never got a gradient in all the steps."""
        if self.steps >= CLOSE and self.still:
            names = [name for name in self.names.values() if name in self.still]
            self.add(
                "parameters never moved",
                f"{len(names)} of {len(self.names)} tensors that may move had no gradient in any step that was "
                "looked at",
                harm=0.3,
                layer=names[0],
            )

    def __deepcopy__(self, _: object) -> "Watch":
        """Return itself: who copies the model while it is watched copies no watch."""
        return self

    def __reduce__(self) -> tuple[type["Unwatched"], tuple[()]]:
        """Leave no trace in the file of a model that is saved while it is watched."""
        return Unwatched, ()


def all_finite(gradient: Tensor | None) -> bool:
    """Return whether every number of a gradient is one."""
    return gradient is None or bool(torch.isfinite(as_numbers(gradient)).all())


@final
class Unwatched:
    """What a model that was saved while it was watched calls in place of the watch."""

    def called(self, *_: object) -> None:
        """See nothing."""


@contextmanager
def watch(
    model: nn.Module, optimizer: torch.optim.Optimizer, *, tell: Callable[[Cause], None] | None = None
) -> Iterator[Watch]:
    """Watch a training while it runs, and name what goes wrong as it does.

    Args:
        model: the one that is trained.
        optimizer: the one that trains it.
        tell: told each cause when it is found.

    >>> model = nn.Linear(2, 2)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with watch(model, optimizer) as seen:
    ...     for _ in range(3):
    ...         model(torch.ones(4, 2)).square().mean().backward()
    ...         optimizer.step()
    >>> [cause.name for cause in seen.causes]
    ['gradients are not cleared']
    """
    seen = Watch(model, optimizer, tell)
    with ExitStack() as hooks:
        hooks.callback(model.register_forward_hook(seen.called).remove)
        hooks.callback(optimizer.register_step_pre_hook(seen.begins).remove)
        hooks.callback(optimizer.register_step_post_hook(seen.ends).remove)
        hooks.callback(seen.arrivals.forget)
        yield seen
        seen.ended()
