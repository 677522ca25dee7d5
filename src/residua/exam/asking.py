"""What a loss is, found by asking it, and what it is given: no loss has to say its name."""

import math
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from residua.exam.borders import IGNORED, edges, turned, unlabelled
from residua.exam.calling import REFUSALS
from residua.exam.described import Inputs, Losses, Targets
from residua.exam.domain import logs_along
from residua.exam.matching import agreement, alike
from residua.look import Loss, answer, each

FAR, FLOOR = 1e3, -10.0
"""Logits so many times as large cost this little in a loss that has no floor."""
CONTENT = 0.01
"""What a loss asks at most for answers that are right; one with a sigmoid of its own asks .31 to .69 of each."""
CHEAPER = 0.75
"""Part of that which a loss with a sigmoid of its own asks for their logits: next to none, or the entropy of labels
that are smoothed."""
LEAST_SHARES = (1e-13, 0.05)
"""Nearest that a share comes to 0 and 1: a logit of 30, and one of 3 where the loss itself smooths its labels."""
CLEAR = 8.0
"""A logit that is as good as certain."""


def ask(loss: Loss, given: Any, targets: Tensor) -> Losses:
    """Return the loss of the outputs, and how it answers when they change.

    Args:
        loss: from outputs and targets to one number.
        given: what the network gave, without its history.
        targets: what it should have given.
    """
    value = asked(loss, given, targets)
    right, wrong = of_answers(loss, given, targets)
    outputs = answer(given)
    several = outputs is not None and outputs.ndim > 1 and outputs.shape[1] > 1
    shifted = asked(loss, each(given, lambda values: values + 1), targets) if several else math.nan
    return Losses(
        value=value,
        softmax=abs(shifted - value) < 1e-4 * max(1.0, abs(value)),
        sigmoid=saturates(loss, given, targets),
        rewards_outputs=abs(shifted - value + 1) < 1e-3,
        adds_up=adds_up(loss, given, targets, value),
        crosses=crosses(loss, given, targets),
        reads_targets=reads_targets(loss, given, targets),
        falls=None if math.isnan(wrong - right) else right < wrong,
        right=right,
        wrong=wrong,
        attains=attains(loss, given, targets, value),
        floorless=not targets.is_floating_point() and floorless(loss, given, targets),
        overreached=overreached(loss, given, targets),
    )


def crosses(loss: Loss, given: Any, targets: Tensor) -> bool:
    """Return whether a loss holds every output against every target, so that it is all one in which order they stand.

    So PyTorch does with outputs of N × 1 and N targets, unless the loss gives them one shape first.
    """
    outputs = answer(given)
    if outputs is None or not spread(outputs, targets) or bool((targets == targets[:1]).all()):
        return False
    other, order = unlike(given), torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))
    value, turned = (asked(loss, other, wanted) for wanted in (targets, targets[order.to(targets.device)]))
    return same(value, turned) and reads_targets(loss, given, targets)


def spread(outputs: Tensor, targets: Tensor) -> bool:
    """Return whether PyTorch would make more of outputs and targets, held against each other, than either has.

    >>> spread(torch.zeros(4, 1), torch.zeros(4)), spread(torch.zeros(4, 3), torch.zeros(4))
    (True, False)
    """
    try:
        both = math.prod(np.broadcast_shapes(outputs.shape, targets.shape))
    except ValueError:
        return False
    return targets.ndim > 0 and both > max(outputs.numel(), targets.numel())


def reads_targets(loss: Loss, given: Any, targets: Tensor) -> bool:
    """Return whether a loss depends on its targets, or refuses some; one that compares samples may do neither."""
    other = unlike(given)
    if not same(asked(loss, other, targets), asked(loss, other, targets.roll(1, 0))):
        return True
    # A GPU does not forgive labels that are none.
    here, wanted = each(other, lambda values: values.cpu()), targets.cpu()
    instead = torch.zeros_like(wanted), torch.ones_like(wanted)
    return not all(same(asked(loss, here, wanted), asked(loss, here, others)) for others in instead)


def of_answers(loss: Loss, given: Any, targets: Tensor) -> tuple[float, float]:
    """Return a loss for right answers, and for those of other samples, which is larger but of a reward.

    Shares are asked for as they are and as logits, and what differs more counts. Not numbers where it is not known what
    right answers are, or where both are the same.
    """
    outputs = answer(given)
    right = None if outputs is None or targets.is_complex() else as_shares(targets, outputs)
    if right is None:
        return math.nan, math.nan

    def answered(wanted: Tensor) -> float:
        return asked(loss, answering(given, wanted), targets)

    shares = bool(((right >= 0) & (right <= 1)).all())
    forms = [right, CLEAR * (2 * right - 1)] if shares else [right]
    pairs = [(answered(form), answered(form.roll(1, 0))) for form in forms]
    known = [(best, worse) for best, worse in pairs if math.isfinite(worse - best) and not same(best, worse)]
    return max(known, key=lambda pair: abs(pair[1] - pair[0]), default=(math.nan, math.nan))


def attains(loss: Loss, given: Any, targets: Tensor, value: float) -> bool:
    """Return whether a loss is smaller than it is where the outputs are the targets themselves."""
    outputs = answer(given)
    right = None if outputs is None or targets.is_complex() else as_shares(targets, outputs)
    if right is None:
        return False
    return asked(loss, answering(given, right), targets) < value


def answering(given: Any, wanted: Tensor) -> Any:
    """Return what a model gives with another answer, and the same in the place of all that has its shape.

    >>> answering({"out": torch.zeros(2), "more": torch.zeros(3)}, torch.ones(2))
    {'out': tensor([1., 1.]), 'more': tensor([0., 0., 0.])}
    """
    return each(given, lambda values: wanted if values.shape == wanted.shape else values)


def unlike(given: Any) -> Any:
    """Return what a model gives with an answer in which no two samples are the same, between 0 and 1."""
    outputs = answer(given)
    if outputs is None:
        return given
    generator = torch.Generator().manual_seed(0)

    def drawn(values: Tensor) -> Tensor:
        return 0.1 + 0.8 * torch.rand(values.shape, generator=generator).to(values)

    return each(given, lambda values: drawn(values) if values.shape == outputs.shape else values)


def same(one: float, other: float) -> bool:
    """Return whether two losses are the same but for rounding.

    >>> same(1.0, 1.0), same(1.0, 1.1), same(math.nan, math.nan)
    (True, False, False)
    """
    return abs(one - other) <= 1e-6 * abs(one)


def floorless(loss: Loss, given: Any, targets: Tensor) -> bool:
    """Return whether a loss of classes falls far below 0 as logits grow: its sign is wrong, or it wants no logits."""
    outputs = answer(given)
    if outputs is None or outputs.ndim < 2 or bool((outputs >= 0).all()):
        return False
    if logs_along(outputs) is not None:  # logarithms of probabilities end at 0
        return False
    far = each(given, lambda values: FAR * values), each(given, lambda values: -FAR * values)
    return any(asked(loss, there, targets) < FLOOR for there in far)


def overreached(loss: Loss, given: Any, targets: Tensor) -> bool:
    """Return whether a loss that has a floor for targets from 0 to 1 has none for these, as -1 or 255 for a share."""
    outputs = answer(given)
    wanted = None if outputs is None or targets.is_complex() else as_shares(targets, outputs)
    if wanted is None or bool(((wanted >= 0) & (wanted <= 1)).all()):
        return False
    within = targets.clamp(0, 1)
    if not saturates(loss, given, within):
        return False
    sides = FAR * torch.where(wanted > 0.5, 1.0, -1.0).to(wanted.dtype)
    far = answering(given, sides)
    return asked(loss, far, targets) < FLOOR and asked(loss, far, within) > FLOOR / 10


def asked(loss: Loss, given: Any, targets: Tensor) -> float:
    """Return the loss; not a number where it refuses."""
    try:
        with torch.no_grad():  # a loss may hold weights too
            return float(loss(given, targets))
    except REFUSALS:
        return math.nan


def refuses_beyond(loss: Loss, given: Any, targets: Tensor, described: Targets) -> bool:
    """Return whether labels that are no class of the answer are none to the loss either.

    Not every loss takes the second axis for classes: of words in a row, of counts and of one logit it is something
    else. Asked on the CPU, since a GPU does not forgive such a question.
    """
    outputs = answer(given)
    if outputs is None or outputs.ndim < 2 or described.kind == "numbers":
        return False
    beyond = described.beyond(outputs.shape[1])
    labels = {int(described.least), int(described.most)} if beyond else set()
    # What is in use for no class must be known to the loss for one.
    labels |= {
        value for value in IGNORED if (unlabelled(targets, classes_of(outputs)) & (targets == value)).any()
    }
    here = each(given, lambda values: values.cpu())
    return any(refuses(loss, here, targets, label) for label in labels)


def refuses(loss: Loss, given: Any, targets: Tensor, label: int) -> bool:
    """Return whether a loss that takes 0 for every label does not take one more."""
    asked_of = torch.zeros_like(targets, device="cpu")
    if not math.isfinite(asked(loss, given, asked_of)):
        return False
    asked_of.view(-1)[0] = label
    return not math.isfinite(asked(loss, given, asked_of))


def saturates(loss: Loss, given: Any, targets: Tensor) -> bool:
    """Return whether a loss of shares is cheaper at their logits than at the shares, so that it applies a sigmoid."""
    outputs = answer(given)
    shares = None if outputs is None or targets.is_complex() else as_shares(targets, outputs)
    if shares is None:
        return False
    if not bool(((shares >= 0) & (shares <= 1)).all()) or not bool((shares != shares.mean()).any()):
        return False

    def answered(wanted: Tensor) -> float:
        # On the CPU: a GPU does not forgive probabilities that are none.
        here = each(answering(given, wanted), lambda values: values.cpu())
        return asked(loss, here, targets.cpu())

    # A loss of probabilities, which may hold them between 0 and 1 itself, is content with the shares.
    content = answered(shares)
    logits = [torch.logit(shares.double(), eps=least).to(shares.dtype) for least in LEAST_SHARES]
    # Far below 0 it says nothing of logits: a share of overlap, say, whose sides are to be shares.
    return content > CONTENT and -CONTENT < min(map(answered, logits)) < CHEAPER * content


def as_shares(targets: Tensor, outputs: Tensor) -> Tensor | None:
    """Return targets in the shape of outputs: as they are, or one of many for labels; None where neither fits."""
    if targets.numel() == outputs.numel():
        return targets.reshape(outputs.shape).to(outputs.dtype)
    labels = not targets.is_floating_point() and outputs.ndim == targets.ndim + 1
    if not labels or targets.shape != (len(outputs), *outputs.shape[2:]):
        return None
    classes = torch.arange(outputs.shape[1], device=targets.device).view(-1, *[1] * (outputs.ndim - 2))
    return (targets.unsqueeze(1) == classes).to(outputs.dtype)


def adds_up(loss: Loss, given: Any, targets: Tensor, value: float) -> bool:
    """Return whether the loss of a batch is the sum of the losses of its halves, and not their mean."""
    half = len(targets) // 2
    if half < 1 or not value:
        return False

    def of(part: slice) -> float:
        return asked(loss, each(given, lambda values: values[part] if values.ndim else values), targets[part])

    halves, whole = [of(slice(half)), of(slice(half, 2 * half))], of(slice(2 * half))
    return abs(sum(halves) - whole) < 1e-3 * abs(whole) and abs(sum(halves) / 2 - whole) > 0.1 * abs(whole)


def describe_targets(targets: Tensor, outputs: Tensor) -> Targets:
    """Return what the targets are, given what the network gives for them."""
    kind: Literal["classes", "masks", "numbers"] = "masks" if targets.ndim > 1 else "classes"
    if targets.is_floating_point():
        kind = "numbers"
    void = unlabelled(targets, classes_of(outputs))
    kept = targets[~void].float()
    return Targets(
        kind=kind,
        shape=tuple(targets.shape),
        least=kept.min().item() if len(kept) else 0.0,
        most=kept.max().item() if len(kept) else 0.0,
        classes=len(torch.unique(kept)),
        void=void.double().mean().item(),
        finite=bool(torch.isfinite(targets).all()),
        mean=kept.mean().item() if len(kept) else 0.0,
        deviation=kept.std(correction=0).item() if len(kept) else 0.0,
    )


def classes_of(outputs: Tensor) -> int:
    """Return how many classes there are if the second axis of an answer stands for them."""
    return outputs.shape[1] if outputs.ndim > 1 else 1


def describe_inputs(inputs: Tensor, targets: Tensor, outputs: Tensor, *, kind: str) -> Inputs:
    """Return what the inputs are like, and whether the targets follow them."""
    values = inputs.detach().float()
    finite = bool(torch.isfinite(values).all())
    measured = finite and inputs.is_floating_point()
    whole = (
        kind != "masks" or targets.shape[1:] == outputs.shape[1:]
    )  # several labels for each sample are no mask
    masks = measured and kind == "masks"
    flat = values.reshape(len(values), -1)
    return Inputs(
        shape=tuple(inputs.shape),
        finite=finite,
        mean=values.mean().item(),
        deviation=values.std(correction=0).item(),
        least=values.min().item(),
        most=values.max().item(),
        alike=alike(flat, targets) if finite else 0.0,
        # A sample that is one number has nothing within it that could differ.
        flat=(flat.amax(1) == flat.amin(1)).double().mean().item() if flat.shape[1] > 1 else 0.0,
        numbers=inputs.is_floating_point(),
        directions=inputs.ndim == 2 and bool(((values.norm(dim=1) - 1).abs() < 1e-3).all()),
        agreement=agreement(values, targets) if measured and whole else None,
        edges=edges(values, targets, unlabelled(targets, classes_of(outputs))) if masks else None,
        turned=turned(values, targets, unlabelled(targets, classes_of(outputs))) if masks else None,
    )
