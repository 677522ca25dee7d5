"""What one step takes off the loss, beside steps taken by hand."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from residua.exam.first_step import LENGTHS, SCALES, SMALLEST, first_step, saved
from residua.exam.observation import FirstStep
from residua.exam.trial import blinded
from residua.look import Examples, Loss

NOTHING = FirstStep(saves=0.0, could_save=0.0)


def examples() -> Examples:
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(24) % 3
    return torch.randn(24, 5, generator=generator) + 2 * torch.eye(5)[targets], targets


def network() -> nn.Module:
    """Return a network whose first answers are nearly alike, so that any step in the right direction shows."""
    torch.manual_seed(0)
    head = nn.Linear(8, 3)
    nn.init.normal_(head.weight, std=1e-3)
    nn.init.zeros_(head.bias)
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), head)


def slopes(model: nn.Module) -> dict[str, Tensor | None]:
    inputs, targets = examples()
    found = torch.autograd.grad(cross_entropy(model(inputs), targets), list(model.parameters()))
    return dict(zip((name for name, _ in model.named_parameters()), found, strict=True))


def taken(model: nn.Module, gradients: dict[str, Tensor | None]) -> FirstStep:
    return first_step(model, examples(), loss=cross_entropy, gradients=gradients)


def by_hand(model: nn.Module, gradients: dict[str, Tensor], length: float, *, signs: bool) -> list[float]:
    """Take the step on a copy, as a loop would; return what answers save as they are and at each scale."""
    moved = copy.deepcopy(model)
    whole = torch.cat([p.detach().flatten() for p in model.parameters()]).norm()
    slope = torch.cat([g.flatten() for g in gradients.values()]).norm()
    with torch.no_grad():
        for name, weight in moved.named_parameters():
            size = max(SMALLEST, weight.square().mean().sqrt().item())
            weight.sub_(
                length * (gradients[name].sign() * size if signs else gradients[name] * whole / slope)
            )
    inputs, targets = examples()
    outputs = moved(inputs).detach()
    blind = min(cross_entropy(same, targets).item() for same in blinded(outputs))
    mean = outputs.mean(0)
    own = cross_entropy(mean.expand_as(outputs), targets).item()
    rescaled = (mean + scale * (outputs - mean) for scale in SCALES)
    return [
        1 - cross_entropy(outputs, targets).item() / blind,
        *(1 - cross_entropy(answers, targets).item() / own for answers in rescaled),
    ]


def test_it_is_the_best_of_four_steps_taken_by_hand() -> None:
    model = network()
    gradients = slopes(model)
    known = {name: gradient for name, gradient in gradients.items() if gradient is not None}
    each = [by_hand(model, known, length, signs=signs) for length in LENGTHS for signs in (False, True)]
    found = taken(model, gradients)
    assert len({shares[0] for shares in each}) > 1
    assert found.saves == pytest.approx(max(shares[0] for shares in each), rel=1e-4)
    assert found.could_save == pytest.approx(max(max(shares[1:]) for shares in each), rel=1e-4)
    assert 0 < found.saves < found.could_save


@pytest.mark.parametrize("scale", [0.1, 30.0])
def test_how_sure_the_answers_are_does_not_matter_at_the_best_scale(scale: float) -> None:
    """Too sure: they cost more than they save. Hardly sure: they save next to nothing."""
    targets = torch.arange(12) % 3
    noise = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    outputs = torch.eye(3)[targets] + 0.7 * (noise - noise.mean(0))
    found = saved(scale * outputs, targets, cross_entropy)
    asked = saved(outputs, targets, cross_entropy)
    assert found.saves < 0.5 * found.could_save
    assert found.could_save == pytest.approx(asked.could_save, rel=0.3)


def test_probabilities_stay_probabilities() -> None:
    """A loss may refuse what lies outside 0 to 1."""
    targets = torch.tensor([1.0, 0.0, 1.0, 0.0])
    outputs = torch.tensor([0.6, 0.4, 0.9, 0.5])
    loss: Loss = nn.functional.binary_cross_entropy
    found = saved(outputs, targets, loss)
    assert 0 < found.saves <= found.could_save


def test_the_model_and_its_running_statistics_stay() -> None:
    model = network()
    gradients = slopes(model)
    before = copy.deepcopy(model.state_dict())
    taken(model, gradients)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_network_that_looks_at_nothing_learns_nothing_in_a_step() -> None:
    """It may learn how frequent the classes are, which takes something off its loss."""

    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.tensor([3.0, 0.0, 0.0]))

        def forward(self, x: Tensor) -> Tensor:
            return self.bias.expand(len(x), 3)

    model = Blind()
    assert taken(model, slopes(model)) == NOTHING


def test_what_is_frozen_does_not_move() -> None:
    model = network()
    assert taken(model, dict.fromkeys(slopes(model))) == NOTHING
    gradients = slopes(model)
    head_alone = {name: gradient if name.startswith("3") else None for name, gradient in gradients.items()}
    assert 0 < taken(model, head_alone).saves != taken(model, gradients).saves


def test_a_gradient_that_is_no_number_is_no_step() -> None:
    model = network()
    broken = {name: torch.full_like(p, torch.nan) for name, p in model.named_parameters()}
    assert taken(model, dict(broken)) == NOTHING
