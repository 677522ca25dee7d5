"""A model whose weights several optimisers share, as Muon for its matrices and AdamW for the rest."""

import copy

import pytest
import torch
from torch import nn

import residua
from residua.errors import BadInput
from residua.exam import Watch
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


def trained(clears: bool, order: int = 1, rests: bool = False) -> Watch:
    """Watch a training by two optimisers."""
    torch.manual_seed(0)
    model, matrices, rest = parts()
    both = [torch.optim.SGD(matrices, lr=0.1), torch.optim.AdamW(rest, lr=1e-2)]
    inputs, labels = batch()
    with residua.watch(model, both) as seen:
        for step in range(24):
            if clears:
                model.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            for optimizer in both[::order]:
                if not (rests and step % 2 and optimizer is both[1]):
                    optimizer.step()
    return seen


@pytest.mark.parametrize("order", [1, -1])
def test_a_step_of_each_is_one_step_to_a_watch(order: int) -> None:
    seen = trained(clears=True, order=order)
    assert (seen.steps, seen.causes) == (24, ())


def test_one_that_rests_does_not_hold_the_others_up() -> None:
    seen = trained(clears=True, rests=True)
    assert seen.steps >= 23
    assert not seen.causes


def test_gradients_that_neither_clears_are_seen() -> None:
    assert "gradients are not cleared" in {cause.name for cause in trained(clears=False).causes}


def test_weights_that_neither_moves_are_seen() -> None:
    torch.manual_seed(0)
    model, matrices, rest = parts()
    both = [torch.optim.SGD(matrices[:1], lr=0.1), torch.optim.AdamW(rest, lr=1e-2)]
    inputs, labels = batch()
    with residua.watch(model, both) as seen:
        for _ in range(24):
            model.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            for optimizer in both:
                optimizer.step()
    assert "optimiser misses parameters" in {cause.name for cause in seen.causes}


def test_a_watch_leaves_no_hook_on_any_of_them() -> None:
    model, matrices, rest = parts()
    both = [torch.optim.SGD(matrices, lr=0.1), torch.optim.AdamW(rest, lr=1e-2)]
    with residua.watch(model, both):
        pass
    assert not any(one._optimizer_step_pre_hooks or one._optimizer_step_post_hooks for one in both)


def test_without_an_optimiser_there_is_nothing_to_watch() -> None:
    with pytest.raises(BadInput, match="no optimiser to watch"), residua.watch(parts()[0], []):
        pass
