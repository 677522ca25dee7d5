"""Treatments that put one thing right: a mode, a flag, a layer, a setting."""

from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from residua.exam.packing import layout_of
from residua.exam.treatments.patient import Patient
from residua.look import answer, untouched
from residua.parts import Chain, Part

PROBABILITIES: Final = (nn.Softmax, nn.Softmax2d, nn.Sigmoid, nn.LogSoftmax)
GROUPS: Final = (8, 4, 2, 1)
RATES: Final = (0.1, 10.0)


@final
class Standardised(Part):
    """Bring inputs to mean 0 and deviation 1 with fixed numbers."""

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.get_buffer("mean")) / self.get_buffer("deviation")

    def extra_repr(self) -> str:
        return f"{self.get_buffer('mean').item():.4g}, {self.get_buffer('deviation').item():.4g}"


def train_mode(patient: Patient) -> str | None:
    """Put everything into training mode."""
    if all(module.training for module in patient.model.modules()):
        return None
    patient.model.train()
    return "put all layers into training mode"


def give_new_values(patient: Patient) -> str | None:
    """Let layers that write over their input give a new value instead."""
    found = ((name, patient.model.get_submodule(name)) for name in patient.seen.wiring.rewritten)
    # A function that is called in place stands in somebody's code.
    layers = {name: layer for name, layer in found if getattr(layer, "inplace", False) is True}
    for layer in layers.values():
        layer.inplace = False  # type: ignore[assignment]  # stubs know only tensors and modules there
    names = tuple(layers)
    return f"set inplace=False on {listed(names)}" if names else None


def drop_probabilities(patient: Patient) -> str | None:
    """Take out the softmax or sigmoid that gives the outputs."""
    name = closing_layer(patient, PROBABILITIES)
    if name is None:
        return None
    kind = type(patient.model.get_submodule(name)).__name__
    patient.put(name, nn.Identity())
    return f"take out {name} ({kind}); the loss applies it"


def drop_rectifier(patient: Patient) -> str | None:
    """Take out the ReLU that gives the outputs."""
    name = closing_layer(patient, (nn.ReLU, nn.ReLU6))
    if name is None:
        return None
    patient.put(name, nn.Identity())
    return f"take out {name} (ReLU); answers may lie below 0"


def closing_layer(patient: Patient, kinds: tuple[type[nn.Module], ...]) -> str | None:
    """Return the name of the layer of some kinds whose output is the model's."""
    last: dict[str, Tensor] = {}
    hooks = []
    for name, module in patient.model.named_modules():
        if name and isinstance(module, kinds):
            hooks.append(
                module.register_forward_hook(lambda _, __, out, name=name: last.__setitem__(name, out))
            )
    try:
        with untouched(patient.model), torch.no_grad():
            outputs = answer(patient.model(patient.batch[0][:8]))
    finally:
        for hook in hooks:
            hook.remove()
    if outputs is None:
        return None
    return next((name for name, out in last.items() if out is outputs or torch.equal(out, outputs)), None)


def standardise(patient: Patient) -> str | None:
    """Bring the inputs to mean 0 and deviation 1 before the first layer."""
    inputs = patient.seen.inputs
    if not inputs.finite or not inputs.deviation or layout_of(patient.model):  # of several each has its own
        return None
    scale = Standardised(inputs.mean, inputs.deviation).to(patient.batch[0].device)
    scale.train(patient.model.training)
    patient.model = Chain(scale=scale, model=patient.model).train(patient.model.training)
    return f"take {inputs.mean:.3g} from the inputs and divide them by {inputs.deviation:.3g}"


def scale_targets(patient: Patient) -> str | None:
    """Bring the answers to the mean and the deviation of the targets."""
    wanted = patient.seen.targets
    with untouched(patient.model), torch.no_grad():
        outputs = answer(patient.model(patient.batch[0][:8]))
    if not wanted.deviation or outputs is None or outputs.ndim > 2 or layout_of(patient.model):
        return None
    scale = Standardised(-wanted.mean / wanted.deviation, 1 / wanted.deviation).to(patient.batch[0].device)
    scale.train(patient.model.training)
    patient.model = Chain(model=patient.model, scale=scale).train(patient.model.training)
    return f"multiply the answers by {wanted.deviation:.3g} and add {wanted.mean:.3g}"


def forget_statistics(patient: Patient) -> str | None:
    """Begin the running statistics anew, at PyTorch's own momentum."""
    kept = [m for m in patient.model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    for norm in kept:
        norm.reset_running_stats()
        norm.momentum = 0.1
    return f"begin the running statistics of {len(kept)} norms anew, at momentum 0.1" if kept else None


def follow_faster(patient: Patient) -> str | None:
    """Let running statistics follow at PyTorch's own momentum where they follow more slowly."""
    slow = [
        m for m in patient.model.modules() if isinstance(m, _BatchNorm) and m.momentum and m.momentum < 0.1
    ]
    for norm in slow:
        norm.momentum = 0.1
    return f"let the running statistics of {len(slow)} norms follow at momentum 0.1" if slow else None


def group_norms(patient: Patient) -> str | None:
    """Put group norm, which needs no batch, in place of every batch norm."""
    found = [(name, m) for name, m in patient.model.named_modules() if isinstance(m, nn.BatchNorm2d)]
    for name, norm in found:
        groups = next(count for count in GROUPS if norm.num_features % count == 0)
        patient.put(name, nn.GroupNorm(groups, norm.num_features).to(patient.batch[0].device))
    patient.adopt()
    return f"put group norm in place of {len(found)} batch norms" if found else None


def thaw(patient: Patient) -> str | None:
    """Let every parameter ask for its gradient."""
    frozen = [p for p in patient.model.parameters() if not p.requires_grad and p.is_floating_point()]
    for parameter in frozen:
        parameter.requires_grad_()
    patient.adopt()
    return f"set requires_grad on {len(frozen)} tensors" if frozen else None


def adopt(patient: Patient) -> str | None:
    """Give the optimiser the parameters that it misses."""
    if patient.optimizer is None:
        return None
    left = [weight for weight in patient.seen.weights if weight.trainable and weight.optimised is False]
    patient.adopt()
    return f"give the optimiser {len(left)} tensors that it missed" if left else None


def lower_rate(patient: Patient) -> str | None:
    """Take a tenth of the learning rate."""
    return changed_rate(patient, RATES[0])


def raise_rate(patient: Patient) -> str | None:
    """Take ten times the learning rate, or a usual one where it is zero."""
    return changed_rate(patient, RATES[1])


def changed_rate(patient: Patient, factor: float) -> str | None:
    """Multiply the learning rate of every group."""
    if patient.optimizer is None:
        return None
    usual = 1e-3 if "Adam" in type(patient.optimizer).__name__ else 0.01
    for group in patient.optimizer.param_groups:
        changed = group["lr"] * factor
        group["lr"] = changed if factor < 1 else max(changed, usual)
    return f"set the learning rate to {patient.optimizer.param_groups[0]['lr']:g}"


def go_down(patient: Patient) -> str | None:
    """Let the optimiser make the loss small."""
    if patient.optimizer is None:
        return None
    for group in patient.optimizer.param_groups:
        group["maximize"] = False
    return "set maximize=False"


def usual_settings(patient: Patient) -> str | None:
    """Put a momentum or a decay that is out of range back to the usual."""
    if patient.optimizer is None:
        return None
    said = []
    for group in patient.optimizer.param_groups:
        if "momentum" in group and not 0 <= group["momentum"] <= 0.99:
            group["momentum"] = 0.9
            said.append("set the momentum to 0.9")
        if group.get("weight_decay", 0) * group["lr"] > 1e-3:
            group["weight_decay"] = 1e-4
            said.append("set the weight decay to 0.0001")
    return " and ".join(dict.fromkeys(said)) or None


def listed(names: tuple[str, ...]) -> str:
    """Return a few names, and how many more there are.

    >>> listed(("a", "b", "c", "d"))
    'a, b, c and 1 more'
    """
    if len(names) <= 3:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more"
