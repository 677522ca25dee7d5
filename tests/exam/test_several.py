"""A model whose weights several optimisers share, as Muon for its matrices and AdamW for the rest."""

import copy

import pytest
import torch
from torch import nn

import residua
from residua.errors import BadInput
from residua.exam.several import Several, as_one


def parts() -> tuple[nn.Module, list[nn.Parameter], list[nn.Parameter]]:
    """Return a model, its matrices, and the rest of its weights."""
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
    weights = list(model.parameters())
    return model, [p for p in weights if p.ndim == 2], [p for p in weights if p.ndim == 1]


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Return something to learn."""
    inputs = torch.randn(128, 8)
    return inputs, inputs[:, :4].argmax(1)


def test_two_optimisers_are_the_optimiser_of_a_model() -> None:
    torch.manual_seed(0)
    model, matrices, rest = parts()
    both = [torch.optim.SGD(matrices, lr=0.1, momentum=0.9), torch.optim.AdamW(rest, lr=1e-3)]
    found = residua.examine(model, batch(), optimizer=both)
    assert (found.verdict, found.causes) == ("trains", ())


def test_a_weight_that_neither_has_is_missing() -> None:
    torch.manual_seed(0)
    model, matrices, rest = parts()
    both = (torch.optim.SGD(matrices[:1], lr=0.1), torch.optim.AdamW(rest, lr=1e-3))
    found = residua.examine(model, batch(), optimizer=both, depth="still", remedies=False)
    healed = residua.heal(model, batch(), optimizer=both, depth="still")
    assert found.causes[0].name == "optimiser misses parameters"
    assert isinstance(healed.optimizer, Several)
    held = {
        id(p) for member in healed.optimizer.members for group in member.param_groups for p in group["params"]
    }
    assert held >= {id(p) for p in healed.model.parameters()}


def test_a_copy_moves_the_copied_weights_with_all_of_the_state() -> None:
    model, matrices, rest = parts()
    both = as_one([torch.optim.SGD(matrices, lr=0.1, momentum=0.9), torch.optim.AdamW(rest, lr=1e-3)])
    assert both is not None
    before = [p.detach().clone() for p in model.parameters()]
    other, moving = copy.deepcopy((model, both))
    for _ in range(2):
        moving.zero_grad()
        other(torch.randn(5, 8)).square().sum().backward()
        moving.step()
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert not any(torch.equal(p, old) for p, old in zip(other.parameters(), before, strict=True))
    moving.param_groups[0]["lr"] = 0.0
    frozen = next(other.parameters()).detach().clone()
    moving.step()
    assert torch.equal(next(other.parameters()), frozen)


def test_lbfgs_moves_a_model_alone() -> None:
    model, matrices, rest = parts()
    both = [torch.optim.LBFGS(matrices), torch.optim.AdamW(rest)]
    with pytest.raises(BadInput, match="give it alone"):
        residua.examine(model, batch(), optimizer=both)


def test_one_weight_belongs_to_one_of_them() -> None:
    model, matrices, _ = parts()
    both = [torch.optim.SGD(matrices, lr=0.1), torch.optim.AdamW(model.parameters())]
    with pytest.raises(BadInput, match="two of the optimisers move the same weight"):
        residua.examine(model, batch(), optimizer=both)
