"""Wrappers go on the leg that was named and come off again, whatever happens."""

import pytest
import torch
from torch import nn

from residua.errors import UnknownName
from residua.look import Bypassed, NoGradient, Recomputed, Recorded, Scaled, Silent, rewired
from residua.nets.build import build
from residua.nets.spec import UNetSpec
from residua.parts import Chain, Concat, Sum, joins
from tests.look.models import batch, small, traces


def test_a_silent_branch_leaves_the_shortcut() -> None:
    model, (images, _) = small().eval(), batch()
    block = "stage1.0.sum"
    before = model.stem(images)
    with rewired(model, {block: Silent}), torch.no_grad():
        assert torch.equal(model.get_submodule(block)(before), before)


def test_a_silent_leg_of_a_concat_keeps_its_channels() -> None:
    join = Concat(nn.Conv2d(3, 5, 1))
    with rewired(nn.Sequential(join), {"0": Silent}):
        answer = join(torch.ones(2, 3, 4, 4))
    assert answer.shape == (2, 8, 4, 4)
    assert answer[:, 3:].abs().sum() == 0


def test_silence_is_learnt_without_touching_the_statistics() -> None:
    part = Chain(conv=nn.Conv2d(3, 3, 1), norm=nn.BatchNorm2d(3), drop=nn.Dropout(0.5))
    before = traces(part)
    Silent(part)(torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)))
    assert traces(part) == before


def test_either_leg_can_be_named() -> None:
    join = Sum(nn.Linear(3, 3), nn.Linear(3, 3))
    model, x = nn.Sequential(join), torch.ones(2, 3)
    with rewired(model, {"0.shortcut": Silent}):
        assert torch.equal(model(x), join.branch(x))
    with rewired(model, {"0.branch": Silent}):
        assert torch.equal(model(x), join.shortcut(x))


def test_a_layer_of_a_plain_net_is_bypassed() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    with rewired(model, {"0": Bypassed}):
        assert torch.equal(model(torch.ones(1, 3)), torch.ones(1, 3))


def test_two_wrappers_on_one_leg_work_in_order() -> None:
    model = nn.Sequential(Sum(nn.Identity()))
    with rewired(model, {"0": lambda part: Scaled(part, 2), "0.branch": lambda part: Scaled(part, 3)}):
        assert model(torch.ones(1, 1)).item() == 7
    assert model(torch.ones(1, 1)).item() == 2


def test_nested_joins_are_edited_together() -> None:
    model = build(UNetSpec(widths=(4, 8, 8), in_channels=1))
    names = [name for name, _ in joins(model)]
    assert len(names) == 2
    before = traces(model)
    images = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), rewired(model, dict.fromkeys(names, lambda part: Scaled(part, 0))):
        assert model(images).shape == (1, 2, 8, 8)
    assert traces(model) == before


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_everything_is_put_back_after_an_error(stop: type[BaseException]) -> None:
    model = small()
    before = traces(model)
    with pytest.raises(stop), rewired(model, {"stage1.0.sum": Silent, "stage2.0.sum.shortcut": Recorded}):
        raise stop
    assert traces(model) == before


def test_a_wrapper_that_fails_leaves_nothing_behind() -> None:
    model = small()
    before = traces(model)

    def fail(part: nn.Module) -> nn.Module:
        raise RuntimeError("no such wrapper")

    with (
        pytest.raises(RuntimeError, match="no such wrapper"),
        rewired(model, {"stage1.0.sum": Silent, "stage2.0.sum": fail}),
    ):
        pass
    assert traces(model) == before


@pytest.mark.parametrize("name", ["stage1.9.sum", "stage1.0.sum.brunch", ""])
def test_a_wrong_name_is_said_with_the_nearest(name: str) -> None:
    model = small()
    with pytest.raises(UnknownName, match=r"stage1\.0\.sum"), rewired(model, {name: Silent}):
        pass


def test_the_gradient_is_cut_and_the_values_are_not() -> None:
    model, x = nn.Sequential(Sum(nn.Linear(3, 3))), torch.ones(1, 3, requires_grad=True)
    expected = model(x)
    with rewired(model, {"0": NoGradient}):
        answer = model(x)
    answer.sum().backward()
    assert torch.equal(answer, expected)
    assert torch.equal(x.grad, torch.ones(1, 3))
    assert model[0].branch.weight.grad is None


def test_a_record_is_what_passed_without_its_history() -> None:
    model, x = nn.Sequential(nn.Linear(3, 3), nn.ReLU()), torch.ones(1, 3)
    with rewired(model, {"0": Recorded}):
        answer = model(x)
        record = model.get_submodule("0")
    assert isinstance(record, Recorded)
    assert torch.equal(answer, record.output.relu())
    assert not record.output.requires_grad


def test_recomputing_changes_neither_gradient_nor_statistics() -> None:
    def step(*, recompute: bool) -> nn.Module:
        torch.manual_seed(0)
        model = nn.Sequential(
            Sum(Chain(conv=nn.Conv2d(2, 2, 1), norm=nn.BatchNorm2d(2), drop=nn.Dropout(0.5)))
        )
        edits = {"0": Recomputed} if recompute else {}
        with rewired(model, edits):
            model(torch.randn(4, 2, 3, 3)).square().sum().backward()
        return model

    ordinary, recomputed = step(recompute=False), step(recompute=True)
    for (name, value), other in zip(
        ordinary.state_dict().items(), recomputed.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name
    for one, other in zip(ordinary.parameters(), recomputed.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


def test_a_wrapper_has_the_mode_of_its_part() -> None:
    model = small().eval()
    with rewired(model, {"stage1.0.sum": Recorded}):
        assert not any(module.training for module in model.modules())
