"""The third look: at a training while it runs, around anybody's loop.

It hangs on the optimiser's steps and on the model's call, reads little at most steps, and never changes a number.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final, final

import torch
from torch import Tensor, nn

from residua.errors import BadInput
from residua.exam.cause import Cause
from residua.exam.inventory import optimisation
from residua.exam.rules.optimisation import of_rates, of_settings
from residua.exam.several import Moving, as_one, follow
from residua.exam.watching.arrivals import Arrivals
from residua.exam.watching.kept import MISSES, Holding
from residua.exam.watching.moves import Moves, all_finite
from residua.exam.watching.rates import Rates
from residua.look import answer
from residua.look.gradients import as_numbers

CLOSE: Final = 8
"""Steps at the beginning that are all looked at."""
EVERY: Final = 50
"""Of the later steps, one in so many."""
NO_RATE: Final = "learning rate is zero"
IDLES: Final = "schedule has ended"


@final
class Watch:
    """What has been seen of a training so far.

    Attributes:
        steps: how many the optimiser has taken.
        causes: what was found and still holds, each once, with the step at which it was.
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
        self.holding = Holding(model, optimizer)
        own = self.holding.parted()[0]
        self.names = {id(p): name for name, p in own.items()}
        self.zero = {id(p) for p in model.parameters() if not p.detach().any()}
        self.arrivals = Arrivals(own.values())
        self.moves = Moves()
        self.rates = Rates()
        self.close = CLOSE
        """How many steps have to be taken until not all are looked at."""
        self.searches = False
        """Whether a step computes the gradients itself, as with a closure."""
        self.modes: set[bool] = set()
        """Whether the model was training at its calls since the last step."""
        self.evaluated = False
        """Whether a gradient has come back since then through a call in evaluation mode."""
        self.over = False
        self.felt: dict[int, float] = {}
        self.still: set[str] = set(self.names.values())
        if not own and any(p.requires_grad for p in model.parameters()):
            self.add(MISSES, "it moves none of this model's", harm=0.6)
        settings = optimisation(model, optimizer)
        for cause in (*of_rates(settings), *of_settings(settings)):
            if not cause.note:
                self.keep(cause)

    @property
    def looking(self) -> bool:
        """Whether this step is one of those that are looked at closely."""
        return self.steps < self.close or self.steps % EVERY == 0

    def add(self, name: str, evidence: str, *, harm: float, layer: str | None = None) -> None:
        """Keep a cause, if it is the first of its name."""
        self.keep(Cause(name=name, evidence=evidence, layer=layer, harm=harm))

    def keep(self, cause: Cause) -> None:
        """Keep a cause with the step at which it was found, if it is the first of its name."""
        if cause.name not in {known.name for known in self.causes}:
            when = f"after {self.steps} steps" if self.over else f"step {self.steps + 1}"
            found = replace(cause, evidence=f"{when}: {cause.evidence}")
            self.causes = (*self.causes, found)
            if self.tell:
                self.tell(found)

    def withdraw(self, name: str) -> None:
        """Take back a cause that holds no more."""
        self.causes = tuple(cause for cause in self.causes if cause.name != name)

    def said(self, part: str) -> bool:
        """Return whether a cause is known in whose name this is."""
        return any(part in cause.name for cause in self.causes)

    def called(self, model: nn.Module, _: object, output: object) -> None:
        """Look at one call of the model; those without a gradient are somebody's evaluation."""
        if model is not self.model or not torch.is_grad_enabled():
            return
        given = answer(output)
        self.modes.add(model.training)
        if not model.training:
            self.ask(given)
        if not self.looking:
            return
        # An answer of -inf rules a class out.
        if given is not None and bool((torch.isnan(given) | (given == math.inf)).any()):
            self.add("outputs are not finite", "the model gives values that are no numbers", harm=0.95)

    def ask(self, given: Tensor | None) -> None:
        """Wait for a gradient of what the model gave in evaluation mode: most of such calls ask for none."""
        if given is None:
            self.evaluated = True
        elif given.grad_fn is not None:
            given.register_hook(self.learns)  # type: ignore[no-untyped-call]

    def learns(self, _: Tensor) -> None:
        """Note a gradient through a call in evaluation mode."""
        self.evaluated = True

    def begins(self, _: object, given: tuple[object, ...], named: dict[str, object]) -> None:
        """Look at a step that is about to be taken."""
        self.rates.follow(self.optimizer.param_groups)
        if self.rates.jumped:
            self.close = self.steps + CLOSE
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
                self.moves.keep(sized)

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
        self.holding.look(self.steps)
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
        if self.moves.before:
            for cause in self.moves.judged(self.steps + 1, self.rates, self.arrivals):
                if "too low" not in cause.name or not self.said("learning rate"):
                    self.keep(cause)
        self.moves.before = []
        self.look_at_rates()
        self.look_at_modes()
        if self.looking:
            self.look_at_missing(self.steps + 1)
        self.holding.used()
        self.arrivals.used()
        self.steps += 1

    def look_at_rates(self) -> None:
        """Find steps of no length, and a schedule that is over before most of the training."""
        if self.rates.now > 0:
            self.withdraw(NO_RATE)
        elif self.rates.zero and (self.over or not self.rates.schedule):
            self.add(NO_RATE, "no step moves anything", harm=1.0)
        if self.rates.over:
            fallen = f"the learning rate fell from {self.rates.highest:g} to {self.rates.now:g}"
            self.add(IDLES, f"{fallen}, and has been next to nothing for as long as it was more", harm=0.8)
        elif not self.rates.idle:
            self.withdraw(IDLES)

    def look_at_modes(self) -> None:
        """Find a step along the gradient of calls that were all made in evaluation mode."""
        if self.modes == {False} and self.evaluated:
            norms = [m for m in self.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
            if any(not norm.training and norm.running_mean is not None for norm in norms):
                self.add("norm in evaluation mode", "the model is trained in evaluation mode", harm=0.5)
        self.modes.clear()
        self.evaluated = False

    def look_at_missing(self, taken: int) -> None:
        """Find weights that nobody moves, and take back what was said of those that somebody does."""
        if self.said(MISSES) and self.holding.cared_for():
            self.withdraw(MISSES)
        for cause in self.holding.judged(taken, over=self.over):
            self.keep(cause)

    def ended(self) -> None:
        """Look once more: at what only the end can tell, and at what the steps that were looked at have missed."""
        self.over = True
        own = self.holding.own
        self.look_at_numbers()
        self.holding.look(self.steps)
        self.look_at_missing(self.steps)
        self.look_at_rates()
        if not self.steps and own.passes >= CLOSE and not own.moved() and not self.said("not finite"):
            evidence = f"{own.passes} backward passes came to nothing: call optimizer.step() after them"
            self.add("optimiser never steps", evidence, harm=0.95)
        if self.steps >= CLOSE and self.still:
            names = [name for name in self.names.values() if name in self.still]
            self.add(
                "parameters never moved",
                f"{len(names)} of {len(self.names)} tensors that may move had no gradient in any step that was "
                "looked at",
                harm=0.3,
                layer=names[0],
            )

    def look_at_numbers(self) -> None:
        """Find weights and gradients that have become no numbers at a step that was not looked at."""
        if self.said("not finite"):
            return
        weights = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        spoilt = [name for name, weight in weights.items() if not all_finite(weight.detach())]
        lost = [name for name, weight in weights.items() if not all_finite(weight.grad)]
        late = f"of {len(weights)} tensors, found at the end: at which step it began was not seen"
        if spoilt:
            self.add("weights are not finite", f"{len(spoilt)} {late}", harm=1.0, layer=spoilt[0])
        # Who scales the loss leaves a step out now and then that would go along such a gradient.
        if lost and not 0 < self.holding.own.passes < CLOSE:
            self.add("gradient is not finite", f"{len(lost)} {late}", harm=0.95, layer=lost[0])

    def forget(self) -> None:
        """Follow nothing more."""
        self.arrivals.forget()
        self.holding.forget()

    def __deepcopy__(self, _: object) -> "Watch":
        """Return itself: who copies the model while it is watched copies no watch."""
        return self

    def __reduce__(self) -> tuple[type["Unwatched"], tuple[()]]:
        """Leave no trace in the file of a model that is saved while it is watched."""
        return Unwatched, ()


@final
class Unwatched:
    """What a model that was saved while it was watched calls in place of the watch."""

    def called(self, *_: object) -> None:
        """See nothing."""


@contextmanager
def watch(
    model: nn.Module, optimizer: Moving, *, tell: Callable[[Cause], None] | None = None
) -> Iterator[Watch]:
    """Watch a training while it runs, and name what goes wrong as it does.

    Args:
        model: the one that is trained.
        optimizer: the one that trains it, or several with a part of the weights each; a step is then one of each.
        tell: told each cause when it is found.

    Raises:
        BadInput: two of them move the same weight; there is none.

    >>> model = nn.Linear(2, 2)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with watch(model, optimizer) as seen:
    ...     for _ in range(3):
    ...         model(torch.ones(4, 2)).square().mean().backward()
    ...         optimizer.step()
    >>> [cause.name for cause in seen.causes]
    ['gradients are not cleared']
    """
    one = as_one(optimizer)
    if one is None:
        raise BadInput(
            "there is no optimiser to watch; give the one that trains the model, or several in a list"
        )
    seen = Watch(model, one, tell)
    with ExitStack() as hooks:
        hooks.callback(model.register_forward_hook(seen.called).remove)
        hooks.callback(follow(one, seen.begins, seen.ends))
        hooks.callback(seen.forget)
        yield seen
        seen.ended()
