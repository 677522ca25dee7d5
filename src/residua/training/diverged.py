"""Where a number stopped being finite first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, final

import torch
from torch import Tensor, nn

from residua.errors import Diverged

PICTURES: Final = "the pictures themselves: a value in this batch is not finite"
LOSS_ITSELF: Final = "no layer: the loss itself"


@final
class BadBatch(Diverged):
    """A batch whose loss or gradient is not finite; no weight has moved.

    Args:
        said: what is not finite, and where it comes from.
        rows: which pictures of the batch it comes from, if that is known.
        pictures: whether the pictures themselves are to blame.
    """

    def __init__(self, said: str, *, rows: Sequence[int] = (), pictures: bool = False) -> None:
        super().__init__(said)
        self.rows = tuple(rows)
        self.pictures = pictures


def rows_not_finite(images: Tensor, logits: Tensor) -> list[int]:
    """Return which pictures of a batch are not finite; if all are, which of the answers are not, unless all are.

    >>> images = torch.zeros(3, 1, 2, 2)
    >>> rows_not_finite(images, torch.tensor([[0.0], [float("inf")], [1.0]]))
    [1]
    """
    for tensor in (images, logits):
        finite = tensor.flatten(1).isfinite().all(1)
        if finite.any() and not finite.all():
            return (~finite).nonzero()[:, 0].tolist()
    return []


def first_not_finite(model: nn.Module, images: Tensor) -> str:
    """Run the model once more and say which layer was the first to give, or to hold, a number that is not finite.

    >>> import torch
    >>> layer = nn.Linear(2, 2)
    >>> _ = nn.init.constant_(layer.weight, float("inf"))
    >>> first_not_finite(nn.Sequential(nn.ReLU(), layer), torch.ones(1, 2))
    "'1' (Linear): its weight is not finite"
    """
    if not images.isfinite().all():
        return PICTURES
    found: list[str] = []

    def look(name: str, module: nn.Module, output: Tensor) -> None:
        if found:
            return
        place = f"'{name}' ({type(module).__name__})"
        for kind, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if not tensor.isfinite().all():
                found.append(f"{place}: its {kind} is not finite")
                return
        if not output.isfinite().all():
            found.append(f"{place}: what it gives is not finite")

    leaves = [(name, module) for name, module in model.named_modules() if not list(module.children())]
    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: look(name, module, output))
        for name, module in leaves
    ]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else LOSS_ITSELF


def first_batch_not_finite(model: nn.Module, batches: Iterable[Tensor]) -> str:
    """Say of the first of these batches that gives a number that is not finite which layer it came from."""
    return first_of(first_not_finite(model, images) for images in batches)


def first_of(places: Iterable[str]) -> str:
    """Return the first of these places that is in a layer.

    >>> first_of([LOSS_ITSELF, "'fc' (Linear): what it gives is not finite"])
    "'fc' (Linear): what it gives is not finite"
    """
    return next((place for place in places if place != LOSS_ITSELF), LOSS_ITSELF)


def first_weight_not_finite(weights: Mapping[str, Tensor]) -> str | None:
    """Say by name which weight is the first that is not finite; None when all are.

    >>> import torch
    >>> first_weight_not_finite({"conv.weight": torch.ones(2), "conv.bias": torch.tensor([float("nan")])})
    "'conv.bias'"
    """
    return next((f"'{name}'" for name, tensor in weights.items() if not tensor.isfinite().all()), None)


def first_gradient_not_finite(model: nn.Module) -> str:
    """Say which parameter, counted from the output, is the first whose gradient is not finite."""
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            return f"the gradient of '{name}'"
    return "no gradient"
