"""What goes wrong on the way back: the gradient vanishes, explodes, shatters, or does not arrive."""

from collections.abc import Iterator

from residua.exam.cause import Cause
from residua.exam.features import decades, features, shortened
from residua.exam.inventory import MANY
from residua.exam.observation import Observation, Weight

VANISHED = 6.0
"""Decades of mean square between the last layer and the first: a thousandth of the size."""
LITTLE = 1e-3
"""Of the most that any layer's weights change the loss in proportion, what those of the first do at least."""
EXPLODED = 9.0
INCOHERENT = 0.6
"""Of networks that train it is above 0.85 in nearly all, and of deep plain ones near 0 to 0.5."""
HALF = 0.5
MOSTLY = 0.9
"""Part of the numbers in matrices; on purpose the last layers of branches begin at zero, and hold less of them."""
DEEP = 10
"""Weighted layers below which a gradient that changes quickly only means a steep start."""


def vanishes(seen: Observation) -> Iterator[Cause]:
    """Find a gradient that fades towards the input, and moves the first weights no more."""
    rows = [layer for layer in seen.weighted if layer.gradient]
    if len(rows) < 3:
        return
    first, last = rows[0].gradient_of_usual_places, rows[-1].gradient_of_usual_places
    # Before a mean over many places the gradient of each is small, and that of the weights, which adds them up, is not.
    pulled = [row.pull for row in rows if row.pull is not None]
    moved = pulled and pulled[0] > LITTLE * max(pulled)
    if first < last and decades([first, last]) > VANISHED and not moved:
        half = next((row for row in reversed(rows) if row.gradient_of_usual_places < last * 1e-3), rows[0])
        yield Cause(
            name="gradient vanishes",
            evidence=f"its mean square falls from {last:.1e} at the last layer to {first:.1e} at the first",
            layer=half.name,
            harm=0.85,
            symptom=True,
        )


def explodes(seen: Observation) -> Iterator[Cause]:
    """Find a gradient that grows towards the input, layer by layer."""
    rows = [layer for layer in seen.weighted if layer.gradient]
    if len(rows) < 3:
        return
    first, last = rows[0].gradient or 0.0, rows[-1].gradient or 0.0
    # To what all answers share, as the value of a dueling network, most losses give no gradient at all.
    before = rows[-2].gradient or 0.0
    steadily = first > before and decades([first, before]) > EXPLODED / len(rows)
    if first > last and decades([first, last]) > EXPLODED and steadily:
        each = (first / last) ** (0.5 / (len(rows) - 1))
        yield Cause(
            name="gradient explodes",
            evidence=f"its mean square grows from {last:.1e} at the last layer to {first:.1e} at the first, "
            f"{each:.2f} times a layer in norm",
            layer=rows[-1].name,
            harm=0.85,
            symptom=True,
        )


def shatters(seen: Observation) -> Iterator[Cause]:
    """Find a gradient that points elsewhere after a small step along itself."""
    found = features(seen)
    # With shortcuts the same low cosine comes from a start that is steep, and trains.
    if seen.coherence is None or seen.depth < DEEP or shortened(seen):
        return
    if max(found.coherence, found.tensor_coherence) < INCOHERENT:
        worst = next((name for name, cosine in seen.coherence.tensors if cosine < INCOHERENT), None)
        none = seen.wiring.shortest in (None, seen.depth)
        past = (
            "and no shortcut goes past them"
            if none
            else f"and the shortest way passes {seen.wiring.shortest}"
        )
        yield Cause(
            name="gradient shatters",
            evidence=f"after a step that should take 1 % off the loss its cosine with itself is "
            f"{found.coherence:.2f}; {seen.depth} layers, {past}",
            layer=worst,
            harm=0.6,
            symptom=True,
        )


def unreached(seen: Observation) -> Iterator[Cause]:
    """Find parameters that the loss does not depend on, or that never get a gradient."""
    lost = [weight for weight in seen.weights if weight.trainable and not weight.reached]
    if seen.failure is not None:
        yield Cause(
            name="backward pass fails",
            evidence=f"PyTorch computes no gradient: {seen.failure}",
            harm=1.0,
        )
    elif lost and not any(weight.reached for weight in seen.weights) and not seen.targets.refused:
        yield Cause(
            name="loss is detached",
            evidence="the loss has no gradient for any parameter: it is computed from detached values",
            harm=1.0,
        )
    elif lost and any(weight.reached for weight in seen.weights):
        idle = [weight for weight in lost if weight.name.rpartition(".")[0] in seen.wiring.uncalled]
        cut = [weight for weight in lost if weight not in idle]
        experts = [weight for weight in idle if weight.name.rpartition(".")[0] in seen.wiring.unchosen]
        if cut:
            yield Cause(
                name="detached layers",
                evidence=f"{share(cut, seen)} of the parameters have no gradient: nothing of them reaches the loss",
                layer=cut[0].name,
                harm=0.2 + 0.4 * portion(cut, seen),
            )
        if idle:
            yield Cause(
                name="layers not called",
                evidence=f"{share(idle, seen)} of the parameters are in layers that the model did not run for these "
                "samples" + ("; as experts that others choose, all is well" if experts == idle else ""),
                layer=idle[0].name,
                harm=0.0 if experts == idle else 0.1,
            )


def asleep(seen: Observation) -> Iterator[Cause]:
    """Find weights that are zero and have no gradient that would change it."""
    zero = [w for w in seen.weights if w.matrix and w.reached and not w.size and not w.gradient]
    if zero:
        yield Cause(
            name="weights stay zero",
            evidence=f"{share(zero, seen)} of the parameters are zero, and so is their gradient after "
            "the first steps",
            layer=zero[0].name,
            harm=0.3 + 0.7 * portion(zero, seen),
        )


def even(seen: Observation) -> Iterator[Cause]:
    """Find layers whose units all begin as one and the same: their gradients are the same, and so they stay."""
    matrices = [w for w in seen.weights if w.matrix and w.trainable and w.reached]
    alike = [w for w in matrices if w.even]
    all_of_them = sum(w.count for w in matrices)
    if len(alike) < 2 or sum(w.count for w in alike) < MOSTLY * all_of_them or any(asleep(seen)):
        return
    zero = not any(w.size for w in alike)
    yield Cause(
        name="weights stay zero" if zero else "units begin alike",
        evidence=f"in {len(alike)} of {len(matrices)} matrices {'all is zero' if zero else 'every unit is the same'}: "
        "units that begin alike have one gradient, and stay alike",
        layer=alike[0].name,
        harm=0.8,
    )


def silent(seen: Observation) -> Iterator[Cause]:
    """Find weights whose gradient is nothing at all, since what lies behind them is off for every sample."""
    weights = [w for w in seen.weights if w.matrix and w.trainable and w.reached and w.size]
    off = [weight for weight in weights if not weight.gradient]
    # Of many experts most may be off for a few samples.
    if off and any(weight.gradient for weight in seen.weights) and portion(off, seen) > HALF:
        # The last layer has no gradient either where nothing comes to it.
        before = len(off) == len(weights) and len(off) > 1
        yield Cause(
            name="dead units",
            evidence=f"the gradient of {share(off, seen)} of the parameters is exactly 0 and that of others is not: "
            "what lies between is off for every sample",
            layer=off[-2 if before else -1].name,
            harm=0.9,
            symptom=True,
        )


def frozen(seen: Observation) -> Iterator[Cause]:
    """Find parameters that ask for no gradient: all of them is a fault, some may be meant."""
    still = [weight for weight in seen.weights if not weight.trainable]
    if not seen.weights:
        yield Cause(name="nothing to train", evidence="the model has no parameters", harm=1.0)
    elif len(still) == len(seen.weights):
        yield Cause(name="everything is frozen", evidence="no parameter has requires_grad set", harm=1.0)
    elif portion(never := untrained(still, seen), seen) > HALF:
        yield Cause(
            name="frozen layers were never trained",
            evidence=f"{share(never, seen)} of the parameters ask for no gradient and are as they were drawn: the "
            "statistics of their norms, or the bounds of their weights, are those of the start",
            layer=never[0].name,
            harm=0.3,
        )
    elif still:
        yield Cause(
            name="frozen layers",
            evidence=f"{share(still, seen)} of the parameters ask for no gradient; if that is meant, all is well",
            layer=still[0].name,
            harm=0.0,
        )


def untrained(still: list[Weight], seen: Observation) -> list[Weight]:
    """Return which of some frozen weights nobody can have trained, as far as it shows."""
    frozen = {weight.name for weight in still}
    norms = [norm for norm in seen.norms if f"{norm.name}.weight" in frozen]
    if norms:
        return still if all(norm.fresh for norm in norms) else []
    matrices = [weight for weight in still if weight.matrix and weight.count >= MANY]
    return still if matrices and all(weight.drawn for weight in matrices) else []


def share(some: list[Weight], seen: Observation) -> str:
    """Return what part of all numbers these parameters hold, in words."""
    return f"{100 * portion(some, seen):.0f} % ({len(some)} of {len(seen.weights)} tensors)"


def portion(some: list[Weight], seen: Observation) -> float:
    """Return what part of all numbers these parameters hold."""
    return sum(weight.count for weight in some) / max(1, sum(weight.count for weight in seen.weights))


RULES = (vanishes, explodes, shatters, unreached, asleep, even, silent, frozen)
