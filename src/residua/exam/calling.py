"""The model and the loss called for the first time: what they cannot take is said in a sentence."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils import checkpoint

from residua.errors import BadInput
from residua.look import Examples, Loss, answer, untouched

REFUSALS: Final = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
)
"""What somebody's model or loss says when it cannot take what it is given."""


def uncompiled(model: nn.Module) -> nn.Module:
    """Return the module that `torch.compile` or a wrapper for several cards was given; any other as it is.

    Raises:
        BadInput: it is made of TorchScript, which cannot be looked into.

    >>> layer = nn.Linear(2, 2)
    >>> uncompiled(layer) is layer
    True
    """
    several = isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel)
    if any(isinstance(part, torch.jit.ScriptModule) for part in model.modules()):
        raise BadInput(
            f"the model is, or holds, a {type(model).__name__} of TorchScript, which lets nobody see its layers; "
            "give the module that was scripted or traced"
        )
    within: nn.Module = getattr(model, "module" if several else "_orig_mod", model)
    return model if within is model else uncompiled(within)


@final
class Kept:
    """Calls what a checkpoint would call, and keeps what the gradient needs."""

    @staticmethod
    def apply(function: Callable[..., Any], _: object, *given: Any) -> Any:
        """Return what the function gives."""
        return function(*given)


@contextmanager
def nothing_recomputed() -> Iterator[None]:
    """Let checkpoints of PyTorch's older kind keep what they would compute again.

    With them a gradient can only be asked for as a training does, and not for weights that stand in for others.
    """
    plain = checkpoint.CheckpointFunction
    checkpoint.CheckpointFunction = Kept  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        checkpoint.CheckpointFunction = plain  # type: ignore[misc]


def refuse_batch(model: nn.Module, batch: Examples) -> None:
    """Raise `BadInput` for a batch without samples, and for a model whose weights are not made yet."""
    for name, part in zip(("inputs", "targets"), batch, strict=True):
        if not part.ndim or not len(part):
            raise BadInput(f"the {name} hold no samples; give some, 100 if there are, samples first")
    if any(is_lazy(parameter) for parameter in model.parameters()):
        raise BadInput(
            "the model has layers whose weights are not made yet; call it once with a batch, and ask then"
        )


def forward(model: nn.Module, inputs: Tensor, *, words: str = "") -> tuple[Any, Tensor]:
    """Return what the model gives for some inputs, and the tensor in it that is its answer.

    Args:
        model: any.
        inputs: as it takes them, or as it is made to.
        words: what they are, if they are more than their shape.

    Raises:
        BadInput: it cannot take them, or gives no tensor.
    """
    try:
        with untouched(model), torch.no_grad():
            given = model(inputs)
    except REFUSALS as error:
        shape = words or " × ".join(map(str, inputs.shape))
        wants = "does not require grad" in str(error)
        advice = (
            "it asks for gradients in its own forward, and an exam also runs it without; let it do so where "
            "torch.is_grad_enabled()"
            if wants
            else "give it the inputs that it is trained on, as tensors, in a batch of which it takes the first "
            f"{len(inputs)} alone"
        )
        raise BadInput(f"the model cannot take a batch of {shape}: {first_line(error)}; {advice}") from error
    outputs = answer(given)
    if outputs is None:
        raise BadInput(
            f"the model gives a {type(given).__name__} in which there is no tensor of floating numbers; wrap it in a "
            "module that returns the tensor of its answers"
        )
    return given, outputs


def refuse_loss(loss: Loss, given: Any, targets: Tensor) -> None:
    """Raise `BadInput` if the loss cannot take what the model gives, or gives more than one number."""
    try:
        value = loss(given, targets)
    except REFUSALS as error:
        shape = " × ".join(map(str, targets.shape))
        raise BadInput(
            f"the loss cannot take what the model gives, {in_words(given)}, with targets of {shape} "
            f"({str(targets.dtype).removeprefix('torch.')}): {first_line(error)}. Give a loss, as in "
            "loss=function, that takes the two and returns one number"
        ) from error
    if not isinstance(value, Tensor):
        raise BadInput(
            f"the loss gives a {type(value).__name__}, which has no gradient; give one that returns a tensor of one "
            "number"
        )
    if value.numel() != 1:
        raise BadInput(
            f"the loss gives {value.numel():,} numbers; it must give one: with a PyTorch loss, "
            "leave reduction at 'mean'"
        )


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its kind where it says nothing.

    >>> first_line(ValueError("no")), first_line(AssertionError())
    ('no', 'AssertionError')
    """
    return next(iter(str(error).splitlines()), type(error).__name__)


def in_words(given: Any) -> str:
    """Return what a model gives as a few words.

    >>> in_words(torch.zeros(2, 3)), in_words({"out": torch.zeros(2)})
    ('a tensor of 2 × 3', "a dict of 'out'")
    """
    if isinstance(given, Tensor):
        return f"a tensor of {' × '.join(map(str, given.shape))}"
    names = f" of {', '.join(map(repr, given))}" if isinstance(given, Mapping) else ""
    return f"a {type(given).__name__}{names}"
