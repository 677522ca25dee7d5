"""The still exam: one batch, forward and backward, and everything that can be read from it."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd

from residua.errors import BadInput
from residua.exam.asking import ask, describe_targets, refuses_beyond
from residua.exam.calling import REFUSALS, first_line, forward, in_words, refuse_batch, refuse_loss
from residua.exam.described import Outputs
from residua.exam.few import few
from residua.exam.first_step import first_step
from residua.exam.inputs import described
from residua.exam.inventory import norms, optimisation, weights
from residua.exam.observation import FirstStep, Layer, Observation, Wiring
from residua.exam.packing import layout_of, many_targets
from residua.exam.squashing import squashed
from residua.exam.strides import own_step
from residua.exam.waking import duplicate, woken
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
    signal_row,
    untouched,
    visit,
)
from residua.look.gradients import norm
from residua.look.visit import Measure, looked_at, own_parameters, visiting
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
        model: any module that takes one tensor, or is made to.
        batch: inputs and targets; the network sees the first of them only, the data rules all.
        loss: from outputs and targets to one number.
        optimizer: the one that will train it, if there is one yet.

    Raises:
        BadInput: the model cannot take the batch, or the loss not what it gives.
    """
    inputs, targets = batch
    refuse_batch(model, batch)
    chosen = few(model, batch)
    layout = layout_of(model)
    words = in_words(layout.apart(chosen[0])) if layout else ""
    with arriving(model) as arrived:
        given, outputs = forward(model, chosen[0], words=words)
    kind = describe_targets(targets, outputs)
    refused = not many_targets(loss) and refuses_beyond(loss, given, chosen[1], kind)
    kind = replace(kind, refused=refused)
    if not kind.refused:  # a cause to be named, not a mistake in the call
        refuse_loss(loss, given, chosen[1])
    awake, _ = woken(model, chosen, loss)
    back, parts, failure = differentiated(awake, chosen, loss)
    coherent, taken = followed(*in_float32(awake, chosen, back), loss)
    return Observation(
        training=model.training,
        samples=len(chosen[0]),
        inputs=described(model, inputs, targets, outputs, kind.kind),
        targets=kind,
        arriving=arrived[0] if arrived else None,
        outputs=describe_outputs(model, chosen[0], outputs),
        loss=ask(loss, given, chosen[1]),
        layers=layers(awake, parts, back),
        weights=weights(model, back, optimizer),
        norms=norms(model, {part.signal.name: part.values for part in parts}),
        wiring=wired(model, chosen[0]),
        coherence=coherent,
        first_step=taken,
        own_step=None
        if optimizer is None
        else own_step(
            model, chosen, loss, optimizer, least=taken.blind, known=back if awake is model else None
        ),
        failure=failure,
        optimisation=None if optimizer is None else optimisation(model, optimizer),
    )


def differentiated(
    model: nn.Module, examples: Examples, loss: Loss
) -> tuple[Backward, tuple["PartSeen", ...], str | None]:
    """Return all gradients of one pass, and what was seen of each part on its way forward.

    No gradients where it fails, and why if it is the way back that does; where the loss refuses the rules on the loss
    explain it.
    """
    reached: list[Tensor] = []

    def noted(given: Any, targets: Tensor) -> Tensor:
        value = loss(given, targets)
        reached.append(value)
        return value

    measure = measuring(examples[0])
    try:
        with visiting(model, measure) as parts:
            return backward(model, examples, loss=noted), tuple(parts), None
    except REFUSALS as error:
        none = Backward((), dict.fromkeys(name for name, _ in model.named_parameters()), math.nan)
        return none, visit(model, examples[0], measure), first_line(error) if reached else None


def in_float32(model: nn.Module, examples: Examples, back: Backward) -> tuple[nn.Module, Examples, Backward]:
    """Return a model with its batch and its gradients; of one in half precision a copy in float32.

    A small step is lost in the rounding of bfloat16, and so is what is left of the gradient after it.
    """
    if not any(p.dtype in (torch.bfloat16, torch.float16) for p in model.parameters()):
        return model, examples, back
    inputs = examples[0].float() if examples[0].is_floating_point() else examples[0]
    full = duplicate(model).float()
    try:
        forward(full, inputs)
    except BadInput:  # its own code asks for half precision
        return model, examples, back
    known = {name: None if slope is None else slope.float() for name, slope in back.gradients.items()}
    return full, (inputs, examples[1]), replace(back, gradients=known)


def followed(
    model: nn.Module, examples: Examples, back: Backward, loss: Loss
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


@contextmanager
def arriving(model: nn.Module) -> Iterator[list[tuple[float, float]]]:
    """Note, while a model runs, mean and deviation of what its first layer with weights is given.

    A model may normalise by itself.
    """
    found: list[tuple[float, float]] = []

    def look(_: nn.Module, given: tuple[object, ...]) -> None:
        if not found and given and isinstance(given[0], Tensor) and given[0].is_floating_point():
            values = given[0].float()
            found.append((values.mean().item(), values.std(correction=0).item()))

    with ExitStack() as hooks:
        for _, module in looked_at(model):
            if any(p.ndim > 1 for p in own_parameters(module)):
                hooks.callback(module.register_forward_pre_hook(look).remove)
        yield found


def describe_outputs(model: nn.Module, inputs: Tensor, outputs: Tensor) -> Outputs:
    """Return what the outputs are like, in this mode and in evaluation mode."""
    inside = bool((outputs >= 0).all()) and bool((outputs <= 1).all())

    def add_up(axis: int) -> bool:
        several = outputs.ndim > 1 and outputs.shape[axis] > 1
        return inside and several and bool(((outputs.sum(axis) - 1).abs() < 1e-3).all())

    return Outputs(
        shape=tuple(outputs.shape),
        finite=bool(torch.isfinite(outputs).all()),
        size=outputs.float().square().mean().sqrt().item(),
        sums_to_one=add_up(1),
        sums_over_batch=add_up(0) and not add_up(1),
        zeros=(outputs == 0).double().mean().item() if bool((outputs >= 0).all()) else 0.0,
        unit_interval=inside and squashed(model, inputs),
        within_one=not inside and bool((outputs.abs() <= 1).all()) and squashed(model, inputs),
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


def wired(model: nn.Module, inputs: Tensor) -> Wiring:
    """Return how a network is wired, seen with few samples; with all where it takes no fewer than it was made for."""
    try:
        return wiring(model, inputs[:WIRED])
    except REFUSALS:
        return wiring(model, inputs)


def measuring(inputs: Tensor) -> Measure[PartSeen]:
    """Return what takes every measure of what leaves a layer or a join for these inputs."""
    compare = comparing(inputs) if len(inputs) > 2 else None

    def measure(position: int, name: str, module: nn.Module, output: Tensor) -> PartSeen:
        return PartSeen(
            signal=signal_row(position, name, module, output),
            samples=compare(position, name, module, output) if compare else None,
            saturated=saturation(module, output),
            values=output.numel() // output.shape[1] if output.ndim > 1 and output.shape[1] else 0,
            places=math.prod(output.shape[2:]) if isinstance(module, _ConvNd) else 1,
        )

    return measure


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
            drops=dropout_share(modules[part.signal.name]),
            pull=pull(modules[part.signal.name], pulls.get(part.signal.name)),
        )
        for part in parts
    )


def dropout_share(module: nn.Module) -> float:
    """Return the share that a dropout sets to 0; 0 for other layers, and for one that is not training."""
    return module.p if isinstance(module, _DropoutNd) and module.training else 0.0


def pull(module: nn.Module, gradient: float | None) -> float | None:
    """Return the norm of the gradient of a layer's weights times their own; None where it has none."""
    own = [p.detach() for p in own_parameters(module) if p.is_floating_point()]
    return gradient * norm(own) if own and gradient is not None else None
