"""After an exam everything is as it was: weights, buffers, hooks, gradients, modes, random states; errors too."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.errors import BadInput
from residua.exam import examine, heal
from tests.exam.nets import batch, plain, residual, seeded


def state(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[object]:
    """Return everything that must not change, in a form that can be compared.

    Python's own random state is left out: the checks of types in these tests draw from it.
    """
    hooks = [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()
    ]
    return [
        {name: tensor.clone().tolist() for name, tensor in model.state_dict().items()},
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        [p.requires_grad for p in model.parameters()],
        [module.training for module in model.modules()],
        [type(module) for module in model.modules()],
        [getattr(module, "inplace", None) for module in model.modules()],
        hooks,
        str(optimizer.state_dict()),
        str(np.random.get_state()),  # noqa: NPY002  # the state that must not move
        torch.get_rng_state().tolist(),
    ]


@pytest.mark.parametrize("broken", [False, True], ids=["well", "ill"])
def test_nothing_is_left_behind(broken: bool) -> None:
    model = seeded(residual, first_in_place=True) if broken else seeded(plain)
    model[-1].weight.requires_grad_(False)
    model[0].eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    inputs, labels = batch()
    F.cross_entropy(model(inputs), labels).backward()
    optimizer.step()
    before = state(model, optimizer)
    examine(model, (inputs, labels), optimizer=optimizer)
    heal(model, (inputs, labels), optimizer=optimizer, depth="still")
    assert state(model, optimizer) == before


class Fails(nn.Module):
    """It runs twice, and then no more."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = seeded(plain)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls > 4:
            raise RuntimeError("no more")
        return self.inner(x)  # type: ignore[no-any-return]


def test_nothing_is_left_behind_after_an_error() -> None:
    model = Fails()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = state(model, optimizer)
    with pytest.raises(RuntimeError, match="no more"):
        examine(model, batch(), optimizer=optimizer)
    assert state(model, optimizer) == before


def test_a_batch_that_does_not_fit_is_a_sentence() -> None:
    with pytest.raises(BadInput, match="cannot take a batch of 4 × 3 × 8 × 8"):
        examine(seeded(plain), (torch.zeros(4, 3, 8, 8), torch.zeros(4, dtype=torch.long)))


def test_a_loss_of_many_numbers_is_a_sentence() -> None:
    with pytest.raises(BadInput, match="the loss gives 64 numbers"):
        examine(seeded(plain), batch(), loss=lambda z, y: F.cross_entropy(z, y, reduction="none"))
