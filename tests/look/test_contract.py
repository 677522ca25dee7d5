"""The promise of every instrument: the model is as it was, also after an error on the way."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from residua import look
from tests.look.models import batch, small, traces

Loss = Callable[[Tensor, Tensor], Tensor]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def error_of(loss: Loss) -> Callable[[nn.Module], float]:
    """Return a score that runs the model in both modes, as careless ones do."""

    def score(model: nn.Module) -> float:
        images, labels = batch()
        model.train()(images)
        return float(loss(model.eval()(images), labels).item())

    return score


def slice_(model: nn.Module, loss: Loss) -> object:
    direction = look.filter_normalised(model, generator())
    return look.slice_along(model, batch(), direction, [-0.5, 0, 0.5], loss=loss)


def surface(model: nn.Module, loss: Loss) -> object:
    directions = look.filter_normalised(model, generator()), look.filter_normalised(model, generator())
    return look.surface(model, batch(), directions, [0, 1], loss=loss)


INSTRUMENTS: dict[str, Callable[[nn.Module, Loss], object]] = {
    "gradient_norms": lambda model, loss: look.gradient_norms(model, batch(), loss=loss),
    "coherence": lambda model, loss: look.coherence(model, batch(), loss=loss),
    "identity_share": lambda model, loss: look.identity_share(model, batch(), loss=loss),
    "route_sum": lambda model, loss: look.route_sum(model, batch(), loss=loss),
    "gradient_by_length": lambda model, loss: look.gradient_by_length(
        model, batch(), draws=2, generator=generator(), loss=loss
    ),
    "delete_each": lambda model, loss: look.delete_each(model, error_of(loss)),
    "delete_some": lambda model, loss: look.delete_some(
        model, error_of(loss), [1, 2], draws=2, generator=generator()
    ),
    "swap": lambda model, loss: look.swap(model, error_of(loss), [1], draws=2, generator=generator()),
    "slice_along": slice_,
    "surface": surface,
}


class Stopped(Exception):
    pass


def stopping(calls: int) -> Loss:
    """Return a loss that fails when it is called for the last time of so many."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        nonlocal calls
        calls -= 1
        if calls == 0:
            raise Stopped
        return nn.functional.cross_entropy(outputs, targets)

    return loss


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_the_model_is_as_it_was(name: str) -> None:
    model = small(depth=2)
    before = traces(model)
    with torch.no_grad():  # an instrument that needs gradients switches them on for itself, and off again
        inside = traces(model)
        INSTRUMENTS[name](model, nn.functional.cross_entropy)
        assert traces(model) == inside
    assert traces(model) == before


ONCE = {"gradient_norms"}
MOMENTS = [(name, calls) for name in INSTRUMENTS for calls in (1, 2) if not (name in ONCE and calls == 2)]


@pytest.mark.parametrize(("name", "calls"), MOMENTS)
def test_the_model_is_as_it_was_after_an_error(name: str, calls: int) -> None:
    model = small(depth=2)
    before = traces(model)
    with pytest.raises(Stopped):
        INSTRUMENTS[name](model, stopping(calls))
    assert traces(model) == before


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_the_same_question_has_the_same_answer(name: str) -> None:
    model = small(depth=2)
    first = INSTRUMENTS[name](model, nn.functional.cross_entropy)
    assert INSTRUMENTS[name](model, nn.functional.cross_entropy) == first
