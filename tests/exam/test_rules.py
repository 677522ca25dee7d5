"""Each fault is named by its rule, and a network that is well by none."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.exam import diagnose
from residua.look import Examples, Loss
from tests.exam.nets import batch, plain, residual, seeded

Case = tuple[nn.Module, Examples, Loss, torch.optim.Optimizer | None]


def case(
    model: nn.Module | None = None,
    examples: Examples | None = None,
    loss: Loss = F.cross_entropy,
    optimizer: torch.optim.Optimizer | None = None,
) -> Case:
    return model or seeded(plain), examples or batch(), loss, optimizer


def named(found: Case) -> list[str]:
    model, examples, loss, optimizer = found
    return [
        cause.name
        for cause in diagnose(model, examples, loss=loss, optimizer=optimizer, depth="still").causes
    ]


def edited(change: Callable[[nn.Module], object]) -> nn.Module:
    model = seeded(plain)
    change(model)
    return model


def sgd(model: nn.Module, **settings: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), **({"lr": 0.1} | settings))


def with_optimizer(**settings: float) -> Case:
    model = seeded(plain)
    return case(model, optimizer=sgd(model, **settings))


def half_optimised() -> Case:
    model = seeded(plain)
    return case(model, optimizer=torch.optim.SGD(model[0].parameters(), lr=0.1))


def inputs_like(change: Callable[[Tensor], Tensor]) -> Case:
    inputs, labels = batch()
    return case(examples=(change(inputs), labels))


def labels_like(change: Callable[[Tensor], Tensor]) -> Case:
    inputs, labels = batch()
    return case(examples=(inputs, change(labels)))


def zero(model: nn.Module) -> None:
    for parameter in model.parameters():
        nn.init.zeros_(parameter)


def tanh(gain: float) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 4))
    nn.init.normal_(model[1].weight, std=gain)
    return model


def masks(*, shifted: int) -> Case:
    inputs, _ = batch()
    model = seeded(lambda: nn.Conv2d(1, 2, 3, padding=1))
    rows = (torch.arange(len(inputs)) + shifted) % len(inputs)
    return case(model, (inputs, (inputs[rows, 0] > 0.5).long()))


class Detached(nn.Module):
    """A network whose first layer is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(64, 32)
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x.flatten(1)).detach())  # type: ignore[no-any-return]


FAULTS: dict[str, Callable[[], Case]] = {
    "inputs are not finite": lambda: inputs_like(lambda x: x.index_fill(0, torch.tensor([3]), torch.nan)),
    "inputs are constant": lambda: inputs_like(torch.zeros_like),
    "inputs are not normalised": lambda: inputs_like(lambda x: (100 + 40 * x).clamp(0, 255)),
    "samples are alike": lambda: inputs_like(lambda x: x[:1].expand_as(x)),
    "labels out of range": lambda: labels_like(lambda y: y + 1),
    "labels do not follow the inputs": lambda: labels_like(lambda y: y[torch.randperm(len(y))]),
    "one class only": lambda: labels_like(torch.zeros_like),
    "everything is void": lambda: labels_like(lambda y: torch.full_like(y, -100)),
    "masks out of step": lambda: masks(shifted=1),
    "softmax before a loss that applies one": lambda: case(nn.Sequential(seeded(plain), nn.Softmax(1))),
    "sigmoid before a loss that applies one": lambda: case(
        nn.Sequential(seeded(plain), nn.Sigmoid()),
        (batch()[0], F.one_hot(batch()[1]).float()),
        F.binary_cross_entropy_with_logits,
    ),
    "sigmoid before a loss that applies a softmax": lambda: case(nn.Sequential(seeded(plain), nn.Sigmoid())),
    "softmax before a loss that applies a sigmoid": lambda: case(
        nn.Sequential(seeded(plain), nn.Softmax(1)),
        (batch()[0], F.one_hot(batch()[1]).float()),
        F.binary_cross_entropy_with_logits,
    ),
    "loss needs logarithms of probabilities": lambda: case(
        nn.Sequential(seeded(plain), nn.Softmax(1)), loss=F.nll_loss
    ),
    "loss grows with the batch": lambda: case(loss=lambda z, y: F.cross_entropy(z, y, reduction="sum")),
    "learning rate is zero": lambda: with_optimizer(lr=0.0),
    "learning rate too high": lambda: with_optimizer(lr=1e3),
    "optimiser climbs": lambda: with_optimizer(maximize=True),
    "learning rate too low": lambda: with_optimizer(lr=1e-9),
    "weight decay swallows the weights": lambda: with_optimizer(weight_decay=1.0),
    "momentum out of range": lambda: with_optimizer(momentum=0.999),
    "units begin alike": lambda: case(
        seeded(plain).apply(
            lambda m: nn.init.constant_(m.weight, 0.1) if isinstance(m, nn.Conv2d | nn.Linear) else None
        )
    ),
    "answers pass a ReLU": lambda: case(nn.Sequential(seeded(plain), nn.ReLU())),
    "targets out of range": lambda: case(
        seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 1))),
        (batch()[0], 2.0 * (batch()[1][:, None] > 1) - 1),
        F.binary_cross_entropy_with_logits,
    ),
    "targets are not scaled": lambda: case(
        seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 1))),
        (batch()[0], 3e5 + 1e5 * batch()[1][:, None].float()),
        F.mse_loss,
    ),
    "loss rewards wrong answers": lambda: case(
        loss=lambda given, labels: given.softmax(1).gather(1, labels[:, None]).mean()
    ),
    "dropout leaves next to nothing": lambda: case(
        seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.Dropout(0.95), nn.Linear(256, 4)))
    ),
    "optimiser misses parameters": half_optimised,
    "everything is frozen": lambda: case(edited(lambda m: m.requires_grad_(False))),
    "frozen layers were never trained": lambda: case(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 256).requires_grad_(False), nn.ReLU(), nn.Linear(256, 4))
    ),
    "detached layers": lambda: case(Detached()),
    "weights stay zero": lambda: case(edited(zero)),
    "norm in evaluation mode": lambda: case(edited(lambda m: m[1].eval() and m[4].eval() and m[7].eval())),
    "batch too small for its norm": lambda: case(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)),
        (batch()[0][:2], batch()[1][:2]),
    ),
    "running statistics broken": lambda: case(edited(lambda m: m[1].running_var.fill_(-1))),
    "running statistics follow slowly": lambda: case(edited(lambda m: setattr(m[1], "momentum", 3e-4))),
    "in-place layer rewrites a shortcut": lambda: case(seeded(residual, first_in_place=True)),
    "sum of unlike shapes": lambda: case(seeded(residual, one_channel=True)),
    "signal explodes": lambda: case(edited(lambda m: [nn.init.constant_(m[i].bias, 1e6) for i in (1, 4, 7)])),
    "signal dies": lambda: case(
        seeded(lambda: nn.Sequential(*[nn.Linear(64, 64, bias=False) for _ in range(12)])).apply(
            lambda m: nn.init.normal_(m.weight, std=0.01) if isinstance(m, nn.Linear) else None
        ),
        (batch()[0].flatten(1), batch()[1]),
    ),
    "dead units": lambda: case(edited(lambda m: nn.init.constant_(m[4].bias, -9))),
    "saturated units": lambda: case(tanh(5.0)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(name: str) -> None:
    torch.manual_seed(0)
    assert name in named(FAULTS[name]())


HEALTHY: dict[str, Callable[[], Case]] = {
    "plain": case,
    "with an optimiser": lambda: with_optimizer(momentum=0.9, weight_decay=5e-4),
    "residual": lambda: case(seeded(residual)),
    "statistics that follow within some hundred steps": lambda: case(
        edited(lambda m: setattr(m[1], "momentum", 0.01))
    ),
    "without norm": lambda: case(seeded(plain, norm=False)),
    "in place where it harms nobody": lambda: case(edited(lambda m: setattr(m[2], "inplace", True))),
    "a head that begins at zero": lambda: case(edited(lambda m: nn.init.zeros_(m[-1].weight))),
    "branches that begin at zero": lambda: case(
        seeded(residual).apply(
            lambda m: nn.init.zeros_(m.conv.weight) if type(m).__name__ == "Block" else None
        )
    ),
    "masks in step": lambda: masks(shifted=0),
    "log-probabilities": lambda: case(nn.Sequential(seeded(plain), nn.LogSoftmax(1)), loss=F.nll_loss),
    "a sigmoid with its loss": lambda: case(
        nn.Sequential(seeded(plain), nn.Sigmoid()),
        (batch()[0], F.one_hot(batch()[1]).float()),
        F.binary_cross_entropy,
    ),
    "shares with some noise": lambda: case(
        seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Sigmoid())),
        (batch()[0], (batch()[1][:, None] > 1).float() + 0.05 * torch.randn(len(batch()[1]), 1)),
        F.mse_loss,
    ),
    "one layer that begins at zero": lambda: case(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 4)).apply(
            lambda m: nn.init.zeros_(m.weight) if isinstance(m, nn.Linear) else None
        )
    ),
    "a ReLU before counts": lambda: case(
        seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU())),
        (batch()[0], batch()[0].flatten(1)[:, :8].abs()),
        F.mse_loss,
    ),
    "targets around 30": lambda: case(
        seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 1))),
        (batch()[0], 30 + 10 * batch()[1][:, None].float()),
        F.mse_loss,
    ),
    "counts": lambda: case(
        seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 1))),
        (batch()[0], 500.0 * batch()[1][:, None]),
        F.poisson_nll_loss,
    ),
    "half of it dropped": lambda: case(nn.Sequential(seeded(plain)[:-1], nn.Dropout(0.5), seeded(plain)[-1])),
    "a few void labels": lambda: labels_like(lambda y: y.index_fill(0, torch.arange(9), -100)),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_well_is_left_alone(name: str) -> None:
    torch.manual_seed(0)
    assert named(HEALTHY[name]()) == []


@pytest.mark.parametrize(("steps", "harm"), [(200, 0.7), (400, 0.3), (1000, 0.0)])
def test_statistics_that_follow_slowly_harm_a_training_that_ends_before_them(steps: int, harm: float) -> None:
    model = edited(lambda m: setattr(m[1], "momentum", 0.01))
    found = diagnose(model, batch(), depth="still", steps=steps)
    known = {cause.name: cause.harm for cause in (*found.causes, *found.notes)}
    assert known["running statistics follow slowly"] == harm


def test_a_frozen_backbone_is_a_note() -> None:
    model = edited(lambda m: m[0].requires_grad_(False))
    found = diagnose(model, batch(), depth="still")
    assert [note.name for note in found.notes] == ["frozen layers"]
    assert found.causes == ()


@pytest.mark.parametrize(("share", "told"), [(0.8, True), (0.5, False)])
def test_strong_dropouts_one_behind_the_other_are_named_and_usual_ones_are_not(
    share: float, told: bool
) -> None:
    rows = [part for _ in range(4) for part in (nn.Linear(64, 64), nn.ReLU(), nn.Dropout(share))]
    model = nn.Sequential(nn.Flatten(), *rows, nn.Linear(64, 4))
    found = diagnose(model, batch(), depth="still")
    assert ("dropout leaves next to nothing" in [cause.name for cause in found.causes]) == told
