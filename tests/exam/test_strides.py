"""Rates that look usual and do not fit this network, or so short a training."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import residua
from residua.exam import diagnose
from residua.exam.inventory import as_normal
from residua.exam.probe import trial
from residua.exam.strides import own_step, travelled
from residua.exam.trial import RISE, STEPS
from residua.look import backward

HIGH, LOW = "learning rate too high", "learning rate too low"


def rows(layers: int = 2) -> nn.Module:
    torch.manual_seed(0)
    middle = [part for _ in range(layers) for part in (nn.Linear(64, 64), nn.ReLU())]
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), *middle, nn.Linear(64, 4))


def samples(scale: float = 1.0) -> tuple[Tensor, Tensor]:
    inputs = torch.randn(128, 20, generator=torch.Generator().manual_seed(0))
    return scale * inputs, inputs[:, :4].argmax(1)


def sgd(rate: float, **settings: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda model: torch.optim.SGD(model.parameters(), lr=rate, **settings)


def adam(rate: float, **settings: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda model: torch.optim.Adam(model.parameters(), lr=rate, **settings)


def names(
    make: Callable[[nn.Module], torch.optim.Optimizer],
    batch: tuple[Tensor, Tensor],
    steps: int = 500,
    model: nn.Module | None = None,
) -> list[str]:
    model = model or rows()
    found = diagnose(model, batch, optimizer=make(model), depth="still", steps=steps)
    return [cause.name for cause in found.causes]


@pytest.mark.parametrize(
    "make",
    [sgd(0.05), sgd(0.05, momentum=0.9), adam(1e-3), adam(3e-3), adam(1e-4)],
    ids=["sgd", "momentum", "adam", "fast", "slow"],
)
def test_usual_rates_are_left_alone(make: Callable[[nn.Module], torch.optim.Optimizer]) -> None:
    assert names(make, samples()) == []


@pytest.mark.parametrize("make", [sgd(100.0), adam(0.3)], ids=["sgd", "adam"])
def test_a_first_step_that_makes_its_own_batch_worse_is_too_long(
    make: Callable[[nn.Module], torch.optim.Optimizer],
) -> None:
    assert HIGH in names(make, samples())


def test_a_usual_rate_is_too_high_for_inputs_that_are_too_large() -> None:
    assert HIGH in names(sgd(0.05), samples(scale=200.0))


def test_norms_forgive_a_leap() -> None:
    torch.manual_seed(0)
    pictures = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    labels = (pictures.mean((1, 2, 3)) > 0).long()
    model = residua.build("resnet20_cifar", classes=2).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    found = diagnose(model, (pictures, labels), optimizer=optimizer, depth="still", steps=1000)
    assert HIGH not in [cause.name for cause in found.causes]
    assert found.seen.own_step is not None
    assert found.seen.own_step > 1


def test_a_rate_that_warms_up_is_tried_at_its_beginning() -> None:
    def warming(model: nn.Module) -> torch.optim.Optimizer:
        optimizer = sgd(10.0)(model)
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100))
        return optimizer

    model, batch = rows(), samples()
    tenth, whole = (own_step(model, batch, F.cross_entropy, make(model)) for make in (warming, sgd(10.0)))
    assert tenth is not None
    assert whole is not None
    assert tenth < whole


def test_a_rate_of_one_is_what_a_schedule_multiplies() -> None:
    def as_in_the_paper(model: nn.Module) -> torch.optim.Optimizer:
        optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
        torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 512**-0.5 * min((step + 1) ** -0.5, (step + 1) / 4000**1.5)
        )
        return optimizer

    assert not names(as_in_the_paper, samples(), steps=10_000)
    assert HIGH in names(adam(1.0), samples(), steps=10_000)


@pytest.mark.parametrize("make", [sgd(0.1), adam(0.01)], ids=["sgd", "adam"])
def test_a_first_step_along_known_gradients_is_the_same(
    make: Callable[[nn.Module], torch.optim.Optimizer],
) -> None:
    model, batch = rows(), samples()
    known = backward(model, batch, loss=F.cross_entropy)
    optimizer = make(model)
    once, anew = (own_step(model, batch, F.cross_entropy, optimizer, known=found) for found in (known, None))
    assert once == pytest.approx(anew, rel=1e-4)
    assert all(weight.grad is None for weight in model.parameters())


def test_what_a_loss_holds_moves_too_in_a_first_step() -> None:
    model, (inputs, labels) = rows(), samples()
    head = nn.Linear(4, 4)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(head(outputs), targets)

    known = backward(model, (inputs, labels), loss=loss)
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.1)
    once, anew = (own_step(model, (inputs, labels), loss, optimizer, known=found) for found in (known, None))
    assert once == anew


@pytest.mark.parametrize("make", [adam(1e-6), sgd(1e-5), adam(1e-3, eps=10.0)], ids=["adam", "sgd", "eps"])
def test_weights_that_stay_where_they_are_are_moved_too_slowly(
    make: Callable[[nn.Module], torch.optim.Optimizer],
) -> None:
    assert LOW in names(make, samples())


def test_the_same_rate_is_enough_for_a_training_that_is_longer() -> None:
    assert LOW in names(adam(1e-5), samples(), steps=200)
    assert LOW not in names(adam(1e-5), samples(), steps=20_000)


def test_weights_that_were_trained_before_may_move_little() -> None:
    model = rows()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.sign() * weight.abs().pow(3) / weight.abs().pow(3).std() * weight.std())
    assert not as_normal(model[0].weight.detach())
    assert LOW not in names(adam(1e-5), samples(), model=model)
    assert LOW in names(adam(1e-5), samples())


def test_a_decay_that_drowns_the_gradient_is_named_where_it_is_part_of_it() -> None:
    swallows = "weight decay swallows the weights"
    assert swallows in names(adam(1e-3, weight_decay=3.0), samples())
    assert swallows not in names(adam(1e-3, weight_decay=1e-4), samples())
    decoupled = names(
        lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=3.0), samples()
    )
    assert swallows not in decoupled


def test_a_network_that_answers_the_same_does_not_train_however_long() -> None:
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = rows()

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(0 * x)  # type: ignore[no-any-return]

    found = diagnose(Blind(), samples(), depth="still", steps=1000)
    assert found.verdict == "does not train"


def test_the_first_step_of_a_quadratic_is_what_it_should_be() -> None:
    layer = nn.Linear(1, 1, bias=False)
    examples = torch.ones(4, 1), torch.full((4, 1), 2.0)
    for rate in (0.5, 1.0, 2.0):
        change = own_step(layer, examples, F.mse_loss, sgd(rate)(layer))
        assert change == pytest.approx((1 - 2 * rate) ** 2 - 1, abs=1e-5)
    assert own_step(layer, examples, F.mse_loss, torch.optim.LBFGS(layer.parameters())) is None


def test_a_loss_that_is_lost_is_infinitely_worse() -> None:
    layer = nn.Linear(1, 1, bias=False)
    examples = torch.ones(4, 1), torch.full((4, 1), 2.0)
    assert own_step(layer, examples, F.mse_loss, sgd(1e30)(layer)) == math.inf


def test_what_is_travelled_is_what_adam_says() -> None:
    model, batch = rows(), samples()
    found = diagnose(model, batch, optimizer=adam(1e-3)(model), depth="still")
    sizes = sorted(w.size for w in found.seen.weights if w.matrix)
    way = travelled(found.seen, 100)
    assert way is not None
    assert 0.1 / sizes[-1] <= way <= 0.1 / sizes[0]


def test_targets_that_are_far_off_are_scaled_by_a_treatment() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
    inputs, _ = samples()
    targets = 3e5 + 1e5 * inputs[:, :1]
    healed = residua.heal(
        model, (inputs, targets), loss=F.mse_loss, optimizer=adam(1e-3)(model), depth="still"
    )
    assert healed.before.causes[0].name == "targets are not scaled"
    assert any("multiply the answers" in edit.words for edit in healed.edits)
    given = healed.model(inputs)
    assert 1e5 < given.mean().item() < 5e5


def test_a_probe_lets_a_rate_that_warms_up_come_to_its_height() -> None:
    model = rows(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100))
    rated = trial(model, optimizer, 0)
    inputs, labels = samples()
    rated.go([(inputs, labels)], F.cross_entropy, steps=STEPS)
    assert rated.row().lr == pytest.approx(0.001)
    rated.go([(inputs, labels)], F.cross_entropy, steps=STEPS + RISE + 2)
    assert rated.row().lr == pytest.approx(0.01)


def test_a_probe_that_comes_to_nothing_names_the_step_that_began_it() -> None:
    model = rows(4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.2)
    found = diagnose(model, samples(), optimizer=optimizer, depth="probe", steps=300)
    assert found.verdict != "trains"
    assert HIGH in [cause.name for cause in found.causes]


def test_targets_that_a_sigmoid_cannot_reach_are_named() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
    inputs, _ = samples()
    found = diagnose(model, (inputs, inputs[:, :1]), loss=F.mse_loss, depth="still")
    assert [cause.name for cause in found.causes] == ["targets out of range"]


ALONE = ("LBFGS", "SparseAdam", "Muon")
"""Optimisers that search along a line, take sparse gradients alone, or matrices alone."""


KINDS = {
    kind.__name__: kind
    for kind in vars(torch.optim).values()
    if isinstance(kind, type)
    and issubclass(kind, torch.optim.Optimizer)
    and kind is not torch.optim.Optimizer
}


@pytest.mark.parametrize("name", sorted(KINDS.keys() - set(ALONE)))
def test_every_optimiser_can_be_looked_at(name: str) -> None:
    model = rows()
    optimizer = KINDS[name](model.parameters(), lr=1e-3)
    found = diagnose(model, samples(), optimizer=optimizer, depth="still", steps=1000)
    assert found.seen.optimisation is not None
    assert found.seen.own_step is not None


def test_a_fitted_network_is_not_accused_of_what_a_step_adds_to_next_to_nothing() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
    inputs, _ = samples()
    targets = inputs[:, :1]
    optimizer = adam(1e-3)(model)
    for _ in range(600):
        optimizer.zero_grad()
        F.mse_loss(model(inputs), targets).backward()
        optimizer.step()
    found = diagnose(model, (inputs, targets), loss=F.mse_loss, optimizer=adam(1e-3)(model), depth="still")
    assert {HIGH, LOW}.isdisjoint(cause.name for cause in found.causes)


def test_an_optimiser_that_climbs_on_purpose_may_go_up() -> None:
    model, (inputs, labels) = rows(), samples()

    def reward(given: Tensor, wanted: Tensor) -> Tensor:
        return given.softmax(1).gather(1, wanted[:, None]).mean() - 0.249

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, maximize=True)
    found = diagnose(model, (inputs, labels), loss=reward, optimizer=optimizer, depth="still")
    assert HIGH not in [cause.name for cause in found.causes]


def test_decay_that_is_no_part_of_the_gradient_drowns_nothing() -> None:
    def decoupled(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.NAdam(model.parameters(), lr=1e-3, weight_decay=3.0, decoupled_weight_decay=True)

    assert "weight decay swallows the weights" not in names(decoupled, samples())


def test_heads_that_are_not_called_say_nothing_of_the_rate() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(20, 64)
            self.heads = nn.ModuleList(
                nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)) for _ in range(5)
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.heads[0](F.relu(self.body(x)))  # type: ignore[no-any-return]

    assert LOW not in names(adam(1e-3), samples(), model=Heads())


def test_two_rules_that_find_the_same_harm_once() -> None:
    model = rows()
    found = diagnose(model, samples(), optimizer=adam(1.0)(model), depth="still", steps=1000)
    assert HIGH in [cause.name for cause in found.causes]
    assert found.probability == pytest.approx(0.099, abs=0.002)


def test_targets_that_the_loss_scales_itself_are_left_alone() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
    inputs, _ = samples()

    def scaling(given: Tensor, wanted: Tensor) -> Tensor:
        return F.mse_loss(given, (wanted - 2e5) / 5e4)

    found = diagnose(model, (inputs, 2e5 + 5e4 * inputs[:, :1]), loss=scaling, depth="still")
    assert found.causes == ()
