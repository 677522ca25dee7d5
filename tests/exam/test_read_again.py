"""What a careful reader of the rules would hold against them: losses, masks and batches that only look like a fault."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.errors import BadInput
from residua.exam import Diagnosis, diagnose
from residua.exam.borders import turned
from residua.exam.few import mixed
from residua.look import Examples, Loss, untouched
from tests.exam.test_others import names, rows, samples


def still(model: nn.Module, batch: Examples, loss: Loss = F.cross_entropy) -> Diagnosis:
    return diagnose(model, batch, loss=loss, depth="still")


def supervised_contrast(given: Tensor, labels: Tensor) -> Tensor:
    """Khosla et al. 2020, arXiv:2004.11362."""
    near = F.normalize(given) @ F.normalize(given).T / 0.5
    near = near.masked_fill(torch.eye(len(given), dtype=torch.bool), -torch.inf)
    alike = (labels[:, None] == labels).float().fill_diagonal_(0)
    logs = near.log_softmax(1).masked_fill(alike == 0, 0.0)
    return -(logs.sum(1) / alike.sum(1).clamp_min(1)).mean()


def test_the_order_of_labels_may_be_all_one_to_a_contrastive_loss() -> None:
    found = still(rows(outputs=32), (samples()[0], torch.arange(32).repeat(8)), supervised_contrast)
    assert "loss compares every output with every target" not in names(found)


REWARDS: dict[str, tuple[Callable[[], nn.Module], Callable[[Tensor], Tensor], Loss]] = {
    "of numbers": (
        lambda: rows(outputs=1),
        lambda x: x[:, :1],
        lambda given, wanted: -F.mse_loss(given, wanted),
    ),
    "of logarithms": (
        lambda: rows(end=nn.LogSoftmax(1)),
        lambda x: x[:, :4].argmax(1),
        lambda given, wanted: -F.nll_loss(given, wanted),
    ),
}


@pytest.mark.parametrize("name", REWARDS)
def test_a_reward_is_meant_to_be_climbed(name: str) -> None:
    make, wanted, loss = REWARDS[name]
    inputs, model = samples()[0], make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, maximize=True)
    found = diagnose(model, (inputs, wanted(inputs)), loss=loss, optimizer=optimizer, depth="still")
    assert "optimiser climbs" not in names(found)


def test_one_group_of_several_may_climb() -> None:
    model = rows()
    groups = [{"params": model[0].parameters(), "maximize": True}, {"params": model[2:].parameters()}]
    optimizer = torch.optim.SGD(groups, lr=0.01)
    assert "optimiser climbs" not in names(diagnose(model, samples(), optimizer=optimizer, depth="still"))


def discs(*, loud: float) -> tuple[Tensor, Tensor]:
    """Pictures of discs in the middle from left to right, and beside one of them something bright."""
    generator = torch.Generator().manual_seed(0)
    pictures, masks = 0.2 * torch.randn(16, 3, 32, 32, generator=generator), torch.zeros(16, 32, 32).long()
    rows_, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    for place in range(16):
        inside = (rows_ - 10 - place % 8) ** 2 + (columns - 15.5) ** 2 < 36
        masks[place][inside] = 1
        pictures[place][:, inside] += 1
    pictures[0, :, 20:28, 2:8] += loud
    return pictures, masks


@pytest.mark.parametrize("loud", [0.0, 3.0, 10.0])
def test_one_loud_picture_turns_no_masks(loud: float) -> None:
    pictures, masks = discs(loud=loud)
    nothing = torch.zeros_like(masks, dtype=torch.bool)
    assert turned(pictures, masks, nothing) is None
    found = turned(pictures, masks.flip(-2), nothing)
    assert found is not None and found[0] in {"flipped upside down", "turned by half a turn"}


def overlap(given: Tensor, wanted: Tensor) -> Tensor:
    return 1 - 2 * (given * wanted).sum() / (given.sum() + wanted.sum())


def smoothed(given: Tensor, wanted: Tensor) -> Tensor:
    logs = given.clamp_min(1e-7).log()
    return 0.9 * F.nll_loss(logs, wanted) - 0.1 * logs.mean()


def test_losses_of_probabilities_that_go_below_0_apply_no_sigmoid() -> None:
    inputs, labels = samples()
    soft = torch.sigmoid(3 * inputs[:, :4])
    assert names(still(rows(end=nn.Sigmoid()), (inputs, soft), overlap)) == []
    assert names(still(rows(end=nn.Softmax(1)), (inputs, labels), smoothed)) == []


def test_in_many_directions_no_neighbour_speaks() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(128, 512, generator=generator)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 1))
    found = diagnose(model, (inputs, inputs @ torch.randn(512, 1, generator=generator) / 22), loss=F.mse_loss)
    assert "labels do not follow the inputs" not in names(found)


def test_what_cannot_learn_says_nothing_of_its_labels() -> None:
    model, inputs = rows(outputs=1), samples()[0]
    nn.init.constant_(model[2].bias, -50.0)  # type: ignore[arg-type]
    targets = torch.randn(256, 1, generator=torch.Generator().manual_seed(1))
    found = diagnose(model, (inputs, targets), loss=F.mse_loss)
    assert names(found)[0] == "dead units"


def test_logarithms_in_bfloat16_are_logarithms() -> None:
    model = rows(end=nn.LogSoftmax(1)).to(torch.bfloat16)
    inputs, labels = samples()
    found = still(model, (inputs.to(torch.bfloat16), labels), F.nll_loss)
    assert (found.verdict, names(found)) == ("trains", [])


def test_a_layer_that_is_forgotten_is_named() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.forgotten = rows(), nn.Linear(64, 64)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x)  # type: ignore[no-any-return]

    found = still(Forgetful(), samples())
    assert names(found) == ["layers not called"] and found.causes[0].layer == "forgotten.weight"


def test_targets_that_nobody_reads_may_be_no_numbers() -> None:
    def spread(given: Tensor, _: Tensor) -> Tensor:
        return 1 - F.normalize(given).std(0).mean()

    inputs = samples()[0]
    assert names(still(rows(), (inputs, torch.full((256,), torch.nan)), spread)) == []


@pytest.mark.parametrize("targets", [torch.tensor(1.0), torch.zeros(0)])
def test_a_batch_must_hold_samples(targets: Tensor) -> None:
    with pytest.raises(BadInput, match="the targets hold no samples"):
        diagnose(rows(), (samples()[0], targets))


def test_batches_in_order_are_mixed_and_others_left_as_they_are() -> None:
    inputs = torch.arange(400.0)
    for ordered in (torch.arange(100).repeat_interleave(4), torch.linspace(0, 1, 400)):
        assert len(torch.unique(mixed((inputs, ordered))[1][:64])) > 40
    for other in (torch.arange(400) % 10, torch.randn(400, 2), torch.zeros(400), torch.zeros(400).cfloat()):
        assert mixed((inputs, other))[1] is other


def test_what_a_module_holds_under_tensors_and_in_other_holders_is_put_back() -> None:
    class Holding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)
            self.scale = {self.layer.weight: 1.0, self.layer.bias: 2.0}
            self.count, self.log, self.late = torch.zeros(1), {"seen": [0]}, [1]

        def forward(self, x: Tensor) -> Tensor:
            self.count += 1
            self.log["seen"].append(1)
            self.late.append(2)
            self.scale[self.layer.weight] = 3.0
            return self.layer(x)  # type: ignore[no-any-return]

    model = Holding()
    with untouched(model):
        model(torch.ones(1, 2))
    assert (model.count.item(), model.log, model.late) == (0, {"seen": [0]}, [1])
    assert list(model.scale.values()) == [1.0, 2.0]
