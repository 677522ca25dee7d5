"""The still exam: one batch, forward and backward, and everything that can be read from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from residua.exam.asking import ask, describe_inputs, describe_targets, refuses_beyond
from residua.exam.calling import REFUSALS, first_line, forward, refuse_batch, refuse_loss
from residua.exam.few import few
from residua.exam.first_step import first_step
from residua.exam.observation import FirstStep, Layer, Norm, Observation, Optimisation, Outputs, Weight
from residua.exam.waking import woken
from residua.exam.wiring import wiring
from residua.look import (
    Backward,
    Coherence,
    Examples,
    Loss,
    RepresentationRow,
    Signal,
    answer,
    backward,
    coherence,
    comparing,
    mean_square,
    signal_row,
    untouched,
    visit,
)
from residua.look.gradients import as_numbers, norm
from residua.look.visit import own_parameters
from residua.parts import Join

ENDS: dict[type[nn.Module], tuple[float, float]] = {nn.Tanh: (-0.97, 0.97), nn.Sigmoid: (0.03, 0.97)}
"""Beyond these values the slope is under 6 % (tanh) or 12 % of the largest (sigmoid)."""
SHARE = 0.01
"""Of the loss, what the step takes that asks whether the gradient still holds after it."""
WIRED = 5
"""Samples that show how a network is wired: as many as are seldom the size of anything else."""
SHORTEST, LONGEST = 1e-6, 0.03
"""Of the norm of all weights: a shorter step is lost in rounding, a longer one is none within a neighbourhood."""


def observe(
    model: nn.Module, batch: Examples, *, loss: Loss, optimizer: torch.optim.Optimizer | None
) -> Observation:
    """Look at a model once, in the mode that it is in; it is left as it was.

    Args:
        model: any module that takes one tensor.
        batch: inputs and targets; the network sees the first of them only, the data rules all.
        loss: from outputs and targets to one number.
        optimizer: the one that will train it, if there is one yet.

    Raises:
        BadInput: the model cannot take the batch, or the loss not what it gives.
    """
    inputs, targets = batch
    refuse_batch(model, batch)
    chosen = few(model, batch)
    given, outputs = forward(model, chosen[0])
    kind = describe_targets(targets, outputs)
    kind = replace(kind, refused=refuses_beyond(loss, given, chosen[1], kind))
    if not kind.refused:  # a cause to be named, not a mistake in the call
        refuse_loss(loss, given, chosen[1])
    awake, _ = woken(model, chosen, loss)
    back, failure = differentiated(awake, chosen, loss)
    coherent, taken = followed(awake, chosen, loss, back)
    parts = observed_parts(awake, chosen[0])
    return Observation(
        training=model.training,
        samples=len(chosen[0]),
        inputs=describe_inputs(inputs, targets, kind=kind.kind),
        targets=kind,
        outputs=describe_outputs(model, chosen[0], outputs),
        loss=ask(loss, given, chosen[1]),
        layers=layers(awake, parts, back),
        weights=weights(model, back, optimizer),
        norms=norms(model, parts),
        wiring=wiring(model, chosen[0][:WIRED]),
        coherence=coherent,
        first_step=taken,
        failure=failure,
        optimisation=None if optimizer is None else optimisation(model, optimizer),
    )


def differentiated(model: nn.Module, examples: Examples, loss: Loss) -> tuple[Backward, str | None]:
    """Return all gradients of one pass; none where it fails, and why if it is the way back that does.

    Where the loss refuses the rules on the loss explain it.
    """
    reached: list[Tensor] = []

    def noted(given: Any, targets: Tensor) -> Tensor:
        value = loss(given, targets)
        reached.append(value)
        return value

    try:
        return backward(model, examples, loss=noted), None
    except REFUSALS as error:
        none = Backward((), dict.fromkeys(name for name, _ in model.named_parameters()), math.nan)
        return none, first_line(error) if reached else None


def followed(
    model: nn.Module, examples: Examples, loss: Loss, back: Backward
) -> tuple[Coherence | None, FirstStep]:
    """Return whether the gradient survives a small step, and how much a usual one learns.

    None and nothing where there is no gradient to follow. The small step would take `SHARE` off the loss if the
    gradient stayed as it is: one measure for networks of all depths and sizes, where a step of one length is tiny to
    one and a leap to another.
    """
    found = [gradient for gradient in back.gradients.values() if gradient is not None and gradient.any()]
    if not found:
        return None, FirstStep(saves=0.0, could_save=0.0)
    slope = norm(found) * norm(p.detach() for p in model.parameters() if p.is_floating_point())
    length = SHARE * abs(back.loss) / slope if slope else LONGEST
    step = min(LONGEST, max(SHORTEST, length)) if math.isfinite(length) else SHORTEST
    return (
        coherence(model, examples, loss=loss, step=step, known=back.gradients),
        first_step(model, examples, loss=loss),
    )


def describe_outputs(model: nn.Module, inputs: Tensor, outputs: Tensor) -> Outputs:
    """Return what the outputs are like, in this mode and in evaluation mode."""
    sums = outputs.sum(1) if outputs.ndim > 1 else outputs
    inside = bool((outputs >= 0).all()) and bool((outputs <= 1).all())
    several = outputs.ndim > 1 and outputs.shape[1] > 1
    return Outputs(
        shape=tuple(outputs.shape),
        finite=bool(torch.isfinite(outputs).all()),
        size=outputs.float().square().mean().sqrt().item(),
        sums_to_one=inside and several and bool(((sums - 1).abs() < 1e-3).all()),
        unit_interval=inside,
        gap=gap(model, inputs),
    )


def gap(model: nn.Module, inputs: Tensor) -> float | None:
    """Return how far the outputs in evaluation mode are from those in training mode, over their size."""
    kept = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not kept or not any(m.num_batches_tracked is not None and m.num_batches_tracked > 0 for m in kept):
        return None
    with untouched(model), torch.no_grad():
        model.train()
        trained = answer(model(inputs))
        model.eval()
        evaluated = answer(model(inputs))
    if trained is None or evaluated is None or trained.shape != evaluated.shape:
        return None
    return float((trained - evaluated).norm() / trained.norm().clamp_min(1e-12))


@final
@dataclass(frozen=True, slots=True)
class PartSeen:
    """What one run has shown of one layer or join.

    Attributes:
        signal: how large it is.
        samples: how they lie to one another; None where that cannot be said.
        saturated: share of the values at either end of a tanh or a sigmoid; None for other layers.
        values: numbers that each channel has in the batch.
        places: of a picture in which a convolution gives something; 1 for other layers.
    """

    signal: Signal
    samples: RepresentationRow | None
    saturated: float | None
    values: int
    places: int


def observed_parts(model: nn.Module, inputs: Tensor) -> tuple[PartSeen, ...]:
    """Run the batch once and take every measure of what leaves each layer and each join."""
    compare = comparing(inputs) if len(inputs) > 2 else None

    def measure(position: int, name: str, module: nn.Module, output: Tensor) -> PartSeen:
        return PartSeen(
            signal=signal_row(position, name, module, output),
            samples=compare(position, name, module, output) if compare else None,
            saturated=saturation(module, output),
            values=output.numel() // output.shape[1] if output.ndim > 1 and output.shape[1] else 0,
            places=math.prod(output.shape[2:]) if isinstance(module, _ConvNd) else 1,
        )

    return visit(model, inputs, measure)


def saturation(module: nn.Module, output: Tensor) -> float | None:
    """Return the share of the values of a tanh or a sigmoid at either end."""
    if type(module) not in ENDS:
        return None
    low, high = ENDS[type(module)]
    return ((output < low) | (output > high)).double().mean().item()


def layers(model: nn.Module, parts: Sequence[PartSeen], back: Backward) -> tuple[Layer, ...]:
    """Return a row for each layer and join."""
    modules = dict(model.named_modules())
    gradients = {row.name: row.second_moment for row in back.rows}
    pulls = {row.name: row.parameters for row in back.rows}
    return tuple(
        Layer(
            name=part.signal.name,
            kind=part.signal.kind,
            weighted=any(p.ndim > 1 for p in own_parameters(modules[part.signal.name])),
            join=isinstance(modules[part.signal.name], Join),
            second_moment=part.signal.second_moment,
            unit_variance=part.signal.unit_variance,
            zeros=part.signal.zeros,
            saturated=part.saturated,
            rank=part.samples.rank if part.samples else None,
            similarity=part.samples.similarity if part.samples else None,
            spread=part.samples.spread if part.samples else None,
            gradient=gradients.get(part.signal.name),
            places=part.places,
            pull=pull(modules[part.signal.name], pulls.get(part.signal.name)),
        )
        for part in parts
    )


def pull(module: nn.Module, gradient: float | None) -> float | None:
    """Return the norm of the gradient of a layer's weights times their own; None where it has none."""
    own = [p.detach() for p in own_parameters(module) if p.is_floating_point()]
    return gradient * norm(own) if own and gradient is not None else None


def weights(model: nn.Module, back: Backward, optimizer: torch.optim.Optimizer | None) -> tuple[Weight, ...]:
    """Return a row for each parameter: its size is the model's own, its gradient that of the woken model."""
    moved = (
        None if optimizer is None else {id(p) for group in optimizer.param_groups for p in group["params"]}
    )
    rows = []
    for name, parameter in model.named_parameters():
        values, gradient = as_numbers(parameter.detach()).float(), back.gradients.get(name)
        matrix = parameter.ndim > 1
        spread = values.std(correction=0).item() * math.sqrt(values[0].numel()) if matrix else None
        rows.append(
            Weight(
                name=name,
                count=parameter.numel(),
                matrix=matrix,
                trainable=parameter.requires_grad,
                optimised=None if moved is None else id(parameter) in moved,
                reached=gradient is not None,
                size=math.sqrt(mean_square(values)),
                gradient=0.0 if gradient is None else math.sqrt(mean_square(gradient)),
                gain=spread,
            )
        )
    return tuple(rows)


def norms(model: nn.Module, parts: Sequence[PartSeen]) -> tuple[Norm, ...]:
    """Return a row for each normalisation over the batch."""
    values = {part.signal.name: part.values for part in parts}
    return tuple(
        Norm(
            name=name,
            training=module.training or module.running_mean is None,
            momentum=module.momentum,
            seen=None if module.num_batches_tracked is None else int(module.num_batches_tracked),
            finite=sound(module),
            values=seen_in(values, name),
        )
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm)
    )


def seen_in(values: Mapping[str, int], name: str) -> int:
    """Return the numbers that each channel of a norm has; of one with an activation within, those of what is within.

    >>> seen_in({"norm.act": 8}, "norm"), seen_in({"other": 8}, "norm")
    (8, 0)
    """
    inside = (count for other, count in values.items() if other.startswith(f"{name}."))
    return values[name] if name in values else next(inside, 0)


def sound(norm: _BatchNorm) -> bool:
    """Return whether the running statistics of a norm are finite, and no variance is negative."""
    if norm.running_mean is None or norm.running_var is None:
        return True
    finite = torch.isfinite(norm.running_mean).all() & torch.isfinite(norm.running_var).all()
    return bool(finite & (norm.running_var >= 0).all())


def rate_of(group: Mapping[str, Any]) -> float:
    """Return the learning rate of a group; of one that a schedule has begun low, that which it leads to."""
    return max(float(group["lr"]), float(group.get("initial_lr", 0.0)))


def optimisation(model: nn.Module, optimizer: torch.optim.Optimizer) -> Optimisation:
    """Return how the optimiser is set."""
    groups = optimizer.param_groups
    own = {id(parameter) for parameter in model.parameters()}
    rates = [rate_of(group) for group in groups]
    momenta = [
        float(group["betas"][0]) if "betas" in group else group.get("momentum", 0.0) for group in groups
    ]
    return Optimisation(
        kind=type(optimizer).__name__,
        lr=max(rates),
        least_lr=min(rates),
        momentum=max(momenta),
        weight_decay=max(float(group.get("weight_decay", 0.0)) for group in groups),
        foreign=sum(id(p) not in own for group in groups for p in group["params"]),
    )
