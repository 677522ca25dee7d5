"""The still exam: one batch, forward and backward, and everything that can be read from it."""

import math
from contextlib import ExitStack
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from residua.errors import BadInput
from residua.exam.asking import ask, describe_inputs, describe_targets
from residua.exam.observation import Layer, Norm, Observation, Optimisation, Outputs, Weight
from residua.exam.waking import gradients, woken
from residua.exam.wiring import wiring
from residua.look import (
    Examples,
    Loss,
    coherence,
    gradient_norms,
    representation,
    signal,
    untouched,
)
from residua.parts import Join

ENDS: dict[type[nn.Module], tuple[float, float]] = {nn.Tanh: (-0.97, 0.97), nn.Sigmoid: (0.03, 0.97)}
"""Beyond these values the slope is under 6 % (tanh) or 12 % of the largest (sigmoid)."""


def observe(
    model: nn.Module, batch: Examples, *, loss: Loss, optimizer: torch.optim.Optimizer | None
) -> Observation:
    """Look at a model once, in the mode that it is in; it is left as it was.

    Args:
        model: any module from one tensor to one tensor.
        batch: inputs and targets; the network sees the first of them only, the data rules all.
        loss: from outputs and targets to one number.
        optimizer: the one that will train it, if there is one yet.

    Raises:
        BadInput: the model cannot take the batch, or the loss not what it gives.
    """
    inputs, targets = batch
    few = first(batch)
    outputs = forward(model, few[0])
    refuse_loss(loss, outputs, few[1])
    kind = describe_targets(targets, outputs)
    awake, _ = woken(model, few, loss)
    return Observation(
        training=model.training,
        samples=len(few[0]),
        inputs=describe_inputs(inputs, targets, kind=kind.kind),
        targets=kind,
        outputs=describe_outputs(model, few[0], outputs),
        loss=ask(loss, outputs, few[1]),
        layers=layers(awake, few, loss),
        weights=weights(model, awake, few, loss, optimizer),
        norms=norms(model, few[0]),
        wiring=wiring(model, few[0]),
        coherence=coherence(awake, few, loss=loss) if trainable(awake, few, loss) else None,
        optimisation=None if optimizer is None else optimisation(model, optimizer),
    )


def first(batch: Examples) -> Examples:
    """Return as many samples as the passes over the network are worth: fewer of larger pictures."""
    inputs, targets = batch
    pixels = math.prod(inputs.shape[2:]) if inputs.ndim == 4 else 1
    count = 64 if pixels <= 64**2 else 32 if pixels <= 128**2 else 12
    return inputs[:count], targets[:count]


def forward(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return what the model gives for some inputs.

    Raises:
        BadInput: it cannot take them, or gives no tensor.
    """
    try:
        with untouched(model), torch.no_grad():
            outputs = model(inputs)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        shape = " × ".join(map(str, inputs.shape))
        raise BadInput(
            f"the model cannot take a batch of {shape}: {str(error).splitlines()[0]}; give it the inputs that it "
            "is trained on, as tensors"
        ) from error
    if not isinstance(outputs, Tensor):
        raise BadInput(
            f"the model gives a {type(outputs).__name__}, and the exam reads tensors; wrap it in a module that "
            "returns the tensor of its answers"
        )
    return outputs


def refuse_loss(loss: Loss, outputs: Tensor, targets: Tensor) -> None:
    """Raise `BadInput` if the loss gives more than one number for outputs that it can take."""
    try:
        value = loss(outputs, targets)
    except (RuntimeError, ValueError, IndexError):
        return  # labels out of range are a cause to be named, not a mistake in the call
    if value.numel() != 1:
        raise BadInput(
            f"the loss gives {value.numel():,} numbers; it must give one: with a PyTorch loss, "
            "leave reduction at 'mean'"
        )


def trainable(model: nn.Module, examples: Examples, loss: Loss) -> bool:
    """Return whether there is a gradient at all that can be followed."""
    try:
        return any(g is not None and bool(g.any()) for g in gradients(model, examples, loss).values())
    except (RuntimeError, ValueError, IndexError):
        return False


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
        gap=gap(model, inputs, outputs),
    )


def gap(model: nn.Module, inputs: Tensor, outputs: Tensor) -> float | None:
    """Return how far the outputs in evaluation mode are from those in training mode, over their size."""
    kept = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not kept or not any(m.num_batches_tracked is not None and m.num_batches_tracked > 0 for m in kept):
        return None
    with untouched(model), torch.no_grad():
        model.train()
        trained = model(inputs)
        model.eval()
        evaluated = model(inputs)
    return float((trained - evaluated).norm() / trained.norm().clamp_min(1e-12))


def layers(model: nn.Module, examples: Examples, loss: Loss) -> tuple[Layer, ...]:
    """Return a row for each layer and join, from the instruments that measure one thing each."""
    inputs = examples[0]
    modules = dict(model.named_modules())
    try:
        back = {row.name: row.second_moment for row in gradient_norms(model, examples, loss=loss)}
    except (RuntimeError, ValueError, IndexError):
        back = {}  # nothing to differentiate: the rules on the loss or on the weights say why
    known = {row.name: row for row in representation(model, inputs)} if len(inputs) > 2 else {}
    ends = saturation(model, inputs)
    rows = []
    for row in signal(model, inputs):
        seen = known.get(row.name)
        rows.append(
            Layer(
                name=row.name,
                kind=row.kind,
                weighted=any(p.ndim > 1 for p in modules[row.name].parameters(recurse=False)),
                join=isinstance(modules[row.name], Join),
                second_moment=row.second_moment,
                unit_variance=row.unit_variance,
                zeros=row.zeros,
                saturated=ends.get(row.name),
                rank=seen.rank if seen else None,
                similarity=seen.similarity if seen else None,
                spread=seen.spread if seen else None,
                gradient=back.get(row.name),
            )
        )
    return tuple(rows)


def saturation(model: nn.Module, inputs: Tensor) -> dict[str, float]:
    """Return, for each tanh and sigmoid, the share of its values at either end."""
    shares: dict[str, float] = {}

    def look(name: str, module: nn.Module, _: object, output: Tensor) -> None:
        low, high = ENDS[type(module)]
        shares[name] = ((output < low) | (output > high)).double().mean().item()

    with untouched(model), torch.no_grad(), ExitStack() as hooks:
        for name, module in model.named_modules():
            if type(module) in ENDS:
                hooks.callback(module.register_forward_hook(partial(look, name)).remove)
        model(inputs)
    return shares


def weights(
    model: nn.Module,
    awake: nn.Module,
    examples: Examples,
    loss: Loss,
    optimizer: torch.optim.Optimizer | None,
) -> tuple[Weight, ...]:
    """Return a row for each parameter: its size is the model's own, its gradient that of the woken model."""
    try:
        found = gradients(awake, examples, loss)
    except (RuntimeError, ValueError, IndexError):
        found = {}
    moved = (
        None if optimizer is None else {id(p) for group in optimizer.param_groups for p in group["params"]}
    )
    rows = []
    for name, parameter in model.named_parameters():
        values, gradient = parameter.detach().float(), found.get(name)
        spread = values.std(correction=0).item() * math.sqrt(values[0].numel()) if values.ndim > 1 else None
        rows.append(
            Weight(
                name=name,
                count=values.numel(),
                matrix=values.ndim > 1,
                trainable=parameter.requires_grad,
                optimised=None if moved is None else id(parameter) in moved,
                reached=gradient is not None,
                size=values.square().mean().sqrt().item(),
                gradient=0.0 if gradient is None else gradient.float().square().mean().sqrt().item(),
                gain=spread,
            )
        )
    return tuple(rows)


def norms(model: nn.Module, inputs: Tensor) -> tuple[Norm, ...]:
    """Return a row for each normalisation over the batch."""
    values: dict[str, int] = {}

    def look(name: str, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        values[name] = given[0].numel() // given[0].shape[1]

    chosen = {name: m for name, m in model.named_modules() if isinstance(m, _BatchNorm)}
    with untouched(model), torch.no_grad(), ExitStack() as hooks:
        for name, module in chosen.items():
            hooks.callback(module.register_forward_pre_hook(partial(look, name)).remove)
        model(inputs)
    return tuple(
        Norm(
            name=name,
            training=module.training or module.running_mean is None,
            momentum=module.momentum,
            seen=None if module.num_batches_tracked is None else int(module.num_batches_tracked),
            finite=sound(module),
            values=values.get(name, 0),
        )
        for name, module in chosen.items()
    )


def sound(norm: _BatchNorm) -> bool:
    """Return whether the running statistics of a norm are finite, and no variance is negative."""
    if norm.running_mean is None or norm.running_var is None:
        return True
    finite = torch.isfinite(norm.running_mean).all() & torch.isfinite(norm.running_var).all()
    return bool(finite & (norm.running_var >= 0).all())


def optimisation(model: nn.Module, optimizer: torch.optim.Optimizer) -> Optimisation:
    """Return how the optimiser is set."""
    groups = optimizer.param_groups
    own = {id(parameter) for parameter in model.parameters()}
    rates = [float(group["lr"]) for group in groups]
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
