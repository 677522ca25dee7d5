"""What goes wrong with the optimiser, as far as its settings say."""

from collections.abc import Iterator

from residua.exam.cause import Cause
from residua.exam.observation import ADAPTIVE, Observation, Optimisation

SHRINKS = 0.01
"""Share of a weight that decay may take at a step: a hundred steps would leave a third."""
USUAL_DECAY = 0.1
"""Decays up to it are in use, so that the learning rate is to blame for what they take beside one that is not."""
USUAL_RATE = {True: 0.03, False: 1.0}
"""Learning rates up to it are in use, of adaptive optimisers and of others."""


def missing(seen: Observation) -> Iterator[Cause]:
    """Find parameters that ask for a gradient and that the optimiser does not move."""
    if seen.optimisation is None:
        return
    left = [weight for weight in seen.weights if weight.trainable and weight.optimised is False]
    if not left:
        return
    count = sum(weight.count for weight in seen.weights)
    part = sum(weight.count for weight in left) / max(1, count)
    foreign = seen.optimisation.foreign
    elsewhere = f"; it moves {foreign} that are not this model's" if foreign else ""
    yield Cause(
        name="optimiser misses parameters",
        evidence=f"{len(left)} of {len(seen.weights)} tensors, {100 * part:.0f} % of the numbers{elsewhere}",
        layer=left[0].name,
        harm=0.2 + 0.4 * part,
    )


def rates(seen: Observation) -> Iterator[Cause]:
    """Find a learning rate that cannot be right, whatever the network."""
    if seen.optimisation is not None:
        yield from of_rates(seen.optimisation)


def of_rates(found: Optimisation) -> Iterator[Cause]:
    """Find a learning rate that cannot be right in how an optimiser is set."""
    adaptive = found.kind in ADAPTIVE
    if found.lr <= 0:
        yield Cause(name="learning rate is zero", evidence=f"a learning rate of {found.lr:g}", harm=1.0)
    elif too_high(found):
        yield Cause(name="learning rate too high", evidence=f"{found.lr:g} for {found.kind}", harm=0.9)
    elif found.lr < (1e-7 if adaptive else 1e-6):
        yield Cause(name="learning rate too low", evidence=f"{found.lr:g} for {found.kind}", harm=0.9)
    elif found.least_lr == 0:
        yield Cause(
            name="some weights stand still", evidence="a group of the optimiser has a rate of 0", harm=0.0
        )


def ends(seen: Observation) -> Iterator[Cause]:
    """Find a schedule that leaves next to no rate as soon as it has begun."""
    found = seen.optimisation
    if found is not None and found.ends is not None:
        turns = "the first time" if found.ends == 1 else f"{found.ends} times"
        yield Cause(
            name="schedule has ended",
            evidence=f"when the schedule has turned {turns}, rates are below a thousandth of {found.lr:g} for good",
            harm=0.9,
        )


def climbs(seen: Observation) -> Iterator[Cause]:
    """Find an optimiser that goes up a loss; a reward, which right answers make larger, is meant to grow."""
    if seen.optimisation is not None and seen.optimisation.climbs and seen.loss.falls:
        yield Cause(
            name="optimiser climbs",
            evidence="it is set to maximize, and this loss is to become small",
            harm=0.95,
        )


def settings(seen: Observation) -> Iterator[Cause]:
    """Find a momentum or a weight decay that takes the training over."""
    if seen.optimisation is not None:
        yield from of_settings(seen.optimisation)


def of_settings(found: Optimisation) -> Iterator[Cause]:
    """Find a momentum or a weight decay that takes the training over in how an optimiser is set."""
    if found.momentum >= 1 or found.momentum < 0:
        yield Cause(
            name="momentum out of range",
            evidence=f"a momentum of {found.momentum:g}; it is a share of the last step, at least 0 and below 1",
            harm=0.4,
        )
    elif found.momentum > 0.99 and found.kind not in ADAPTIVE:
        yield Cause(
            name="momentum out of range",
            evidence=f"a momentum of {found.momentum:g} carries a step on for {1 / (1 - found.momentum):,.0f} steps",
            harm=0.5,
        )
    if shrinks(found) > SHRINKS and not too_high(found):
        rate = found.weight_decay <= USUAL_DECAY and found.lr > USUAL_RATE[found.kind in ADAPTIVE]
        yield Cause(
            name="learning rate too high" if rate else "weight decay swallows the weights",
            evidence=f"decay {found.weight_decay:g} at learning rate {found.lr:g} takes "
            f"{100 * shrinks(found):.0f} % of every weight at each step",
            harm=0.9,
        )


def too_high(found: Optimisation) -> bool:
    """Return whether the learning rate is above any that is in use."""
    return found.lr >= (0.3 if found.kind in ADAPTIVE else 30.0)


def shrinks(found: Optimisation) -> float:
    """Return the share of a weight that decay takes in the long run of one step."""
    if found.kind == "SGD" and 0 <= found.momentum < 1:
        return found.lr * found.weight_decay / (1 - found.momentum)
    return found.lr * found.weight_decay


RULES = (missing, rates, ends, climbs, settings)
