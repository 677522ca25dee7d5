"""What the inputs of a batch are like, and whether its targets follow them."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from residua.exam.asking import describe_inputs
from residua.exam.calling import REFUSALS
from residua.exam.described import Inputs
from residua.exam.few import few
from residua.exam.matching import agreement
from residua.exam.packing import layout_of
from residua.look import untouched
from residua.look.visit import looked_at, own_parameters

CLEAR: Final = 3.0
"""Deviations over chance from which the inputs alone say that the targets follow them."""
CHEAP: Final = 32
"""Samples that a look at a network is worth, from which on more of the batch may pass it once."""
PASSED: Final = 256
"""Samples that do."""


def described(model: nn.Module, inputs: Tensor, targets: Tensor, outputs: Tensor, kind: str) -> Inputs:
    """Return what the inputs are like, and whether the targets follow them or what the network makes of them.

    Where neighbours among the inputs have nothing in common they may among what the last layer with weights is given:
    a network is made so that it does not see in which order the points of a set stand, or where in a picture a thing
    lies, and so it is before any step.
    """
    found = described_parts(model, inputs, targets, outputs, kind)
    if found.agreement is None or found.agreement > CLEAR or kind != "classes":
        return found
    if len(few(model, (inputs, targets))[0]) < CHEAP:
        return found
    seen = last_features(model, inputs[:PASSED])
    known = None if seen is None else agreement(seen, targets[:PASSED])
    return found if known is None else replace(found, agreement=max(found.agreement, known))


def last_features(model: nn.Module, inputs: Tensor) -> Tensor | None:
    """Return what the last layer with weights is given for each sample; None where it is no row a sample."""
    found: list[Tensor] = []

    def look(_: nn.Module, given: tuple[object, ...]) -> None:
        if given and isinstance(given[0], Tensor) and given[0].is_floating_point():
            found[:] = [given[0].detach().float()]

    with untouched(model), torch.no_grad(), ExitStack() as hooks:
        for _, module in looked_at(model):
            if any(p.ndim > 1 for p in own_parameters(module)):
                hooks.callback(module.register_forward_pre_hook(look).remove)
        try:
            model(inputs)
        except REFUSALS:  # some take no more samples than they were made for
            return None
    seen = found[0] if found else None
    fits = seen is not None and len(seen) == len(inputs) and bool(torch.isfinite(seen).all())
    return seen if fits else None


def described_parts(model: nn.Module, inputs: Tensor, targets: Tensor, outputs: Tensor, kind: str) -> Inputs:
    """Return what the inputs are like; of several the main part, and what any of them says of the targets."""
    layout = layout_of(model)
    if layout is None:
        return describe_inputs(inputs, targets, outputs, kind=kind)
    filled = [place for place, width in enumerate(layout.widths) if width]
    parts = [layout.part(inputs, place) for place in filled]
    found = [describe_inputs(part, targets, outputs, kind=kind) for part in parts]
    said = [one.agreement for one in found]
    known = None if None in said else max(value for value in said if value is not None)
    # Two samples that are alike in one part may differ in another.
    return replace(found[filled.index(layout.main)], agreement=known, alike=min(one.alike for one in found))
