"""What other people's losses, wrappers and networks do, which is no fault; and what beside it is one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.errors import BadInput
from residua.exam import Diagnosis, diagnose, heal
from residua.exam.inventory import as_drawn
from residua.look import Examples, Loss
from tests.exam.nets import plain, seeded


def rows(*, outputs: int = 4, end: nn.Module | None = None, layers: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    middle = [part for _ in range(layers) for part in (nn.Linear(64, 64), nn.ReLU())]
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), *middle, nn.Linear(64, outputs), end or nn.Identity())


def samples() -> Examples:
    inputs = torch.randn(256, 20, generator=torch.Generator().manual_seed(0))
    return inputs, inputs[:, :4].argmax(1)


def names(found: Diagnosis) -> list[str]:
    return [cause.name for cause in found.causes]


CROSSED = "loss compares every output with every target"
SHAPED: dict[str, tuple[Loss, bool]] = {
    "outputs": (lambda given, wanted: F.mse_loss(given.squeeze(1), wanted), False),
    "targets": (lambda given, wanted: F.mse_loss(given, wanted.unsqueeze(1)), False),
    "neither": (lambda given, wanted: (given - wanted).square().mean(), True),
}


@pytest.mark.parametrize("name", SHAPED)
def test_a_loss_may_give_both_one_shape(name: str) -> None:
    loss, crossed = SHAPED[name]
    inputs = samples()[0]
    found = diagnose(rows(outputs=1), (inputs, inputs[:, 0]), loss=loss, depth="still")
    assert (CROSSED in names(found)) is crossed


def test_targets_that_a_loss_does_not_read_are_not_judged() -> None:
    def spread(given: Tensor, _: Tensor) -> Tensor:
        return -F.normalize(given).std(0).mean() + 1

    inputs = samples()[0]
    generator = torch.Generator().manual_seed(0)
    for targets in (torch.zeros(256).long(), torch.randint(4, (256,), generator=generator)):
        assert names(diagnose(rows(), (inputs, targets), loss=spread, depth="still")) == []
        assert names(diagnose(rows(), (inputs, targets), loss=F.cross_entropy, depth="still"))


def test_a_loss_may_compare_what_is_given_with_itself() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 20))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.body(x), x

    torch.manual_seed(0)
    optimizer = torch.optim.AdamW((model := Again()).parameters(), lr=2e-3)
    batch = samples()[0], torch.zeros(256).long()
    found = diagnose(model, batch, loss=lambda given, _: F.mse_loss(*given), optimizer=optimizer)
    assert (found.verdict, names(found)) == ("trains", [])


@pytest.mark.parametrize("depth", ["still", "probe"])
def test_logarithms_of_probabilities_are_as_good_as_logits(depth: Any) -> None:
    logits = diagnose(rows(), samples(), loss=F.cross_entropy, depth=depth)
    logs = diagnose(rows(end=nn.LogSoftmax(1)), samples(), loss=F.nll_loss, depth=depth)
    shares = diagnose(
        rows(end=nn.Softmax(1)), samples(), loss=lambda p, wanted: F.nll_loss(p.log(), wanted), depth=depth
    )
    for found in (logits, logs, shares):
        assert (found.verdict, names(found)) == ("trains", [])
        assert found.probability == pytest.approx(logits.probability, abs=0.02)


def test_words_in_a_row_may_have_their_classes_last() -> None:
    class Rowed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = rows(outputs=30)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x).view(-1, 6, 5).log_softmax(2)  # type: ignore[no-any-return]

    def loss(given: Tensor, wanted: Tensor) -> Tensor:
        return F.nll_loss(given.flatten(0, 1), wanted.flatten())

    inputs = samples()[0]
    wanted = inputs[:, :6].gt(0).long() + 2 * inputs[:, 6:12].gt(0).long()
    found = diagnose(Rowed(), (inputs, wanted), loss=loss, depth="still")
    assert (found.verdict, names(found)) == ("trains", [])


def test_logits_where_logarithms_are_wanted_come_to_nothing() -> None:
    found = diagnose(rows(), samples(), loss=F.nll_loss)
    assert (names(found)[0], found.verdict) == ("loss needs logarithms of probabilities", "does not train")


def test_an_optimiser_that_climbs_is_named_and_turned() -> None:
    model = rows()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
    healed = heal(model, samples(), optimizer=optimizer)
    assert names(healed.before)[0] == "optimiser climbs" and healed.after.verdict == "trains"
    assert [edit.words for edit in healed.edits] == ["set maximize=False"]

    def reward(given: Tensor, wanted: Tensor) -> Tensor:
        return -F.cross_entropy(given, wanted)

    assert names(diagnose(model, samples(), loss=reward, optimizer=optimizer, depth="still")) == []


@pytest.mark.parametrize("sigmoid", [True, False])
def test_a_sigmoid_before_a_loss_that_makes_one_of_many_itself(sigmoid: bool) -> None:
    def loss(given: Tensor, wanted: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(given, F.one_hot(wanted, 4).float())

    found = diagnose(rows(end=nn.Sigmoid() if sigmoid else None), samples(), loss=loss, depth="still")
    assert names(found) == (["sigmoid before a loss that applies one"] if sigmoid else [])


def test_of_decay_and_rate_the_unusual_one_is_to_blame() -> None:
    model = rows()
    for lr, decay, cause in (
        (15.0, 5e-4, "learning rate too high"),
        (0.1, 1.0, "weight decay swallows the weights"),
    ):
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=decay)
        assert names(diagnose(model, samples(), optimizer=optimizer, depth="still"))[0] == cause


def test_a_rate_that_first_drives_the_loss_far_up_is_too_high() -> None:
    model = rows(layers=3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    found = diagnose(model, samples(), optimizer=optimizer)
    assert names(found)[0] == "learning rate too high" and found.probability < 0.7


def test_a_rate_with_which_nothing_moves_is_too_low_and_raised() -> None:
    model = rows()
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-6)
    healed = heal(model, samples(), optimizer=optimizer)
    assert names(healed.before)[0] == "learning rate too low"
    assert healed.after.verdict == "trains" and healed.edits[0].words == "set the learning rate to 0.01"


def test_answers_that_begin_far_off_are_named_where_nothing_else_is() -> None:
    model = rows(layers=2)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(30)
    found = diagnose(model, samples(), optimizer=torch.optim.SGD(model.parameters(), lr=0.01))
    assert found.verdict == "does not train"
    assert "signal explodes" in names(found)


@pytest.mark.parametrize("trained", [True, False])
def test_a_frozen_body_that_nobody_trained_is_a_fault(trained: bool) -> None:
    with_norms = seeded(plain)
    inputs, labels = torch.randn(64, 1, 8, 8), torch.arange(64) % 4
    if trained:
        with_norms(inputs)
    for model, batch in ((with_norms, (inputs, labels)), (rows(layers=3), samples())):
        if trained and model is not with_norms:
            nn.init.kaiming_normal_(model[0].weight)  # type: ignore[index, arg-type]
        for parameter in list(model.parameters())[:-2]:
            parameter.requires_grad_(False)
        found = diagnose(model, batch, depth="still")
        fault = "frozen layers were never trained"
        assert (fault in names(found)) is not trained or model is with_norms


def test_how_new_weights_lie() -> None:
    torch.manual_seed(0)
    assert as_drawn(nn.Conv2d(16, 16, 3).weight.detach())
    assert not as_drawn(nn.init.kaiming_normal_(torch.empty(16, 16, 3, 3)))
    assert not as_drawn(torch.zeros(64, 64))


def test_a_new_head_on_a_trained_body_may_have_norms() -> None:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU())
    for _ in range(60):
        body(samples()[0])
    model = nn.Sequential(body, nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4))
    assert "train and evaluation differ" not in names(diagnose(model, samples(), depth="still"))


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: nn.DataParallel(nn.DataParallel(model))])
def test_a_wrapper_for_several_cards_is_looked_through(wrap: Callable[[nn.Module], nn.Module]) -> None:
    found = diagnose(wrap(rows()), samples())
    assert (found.verdict, names(found)) == ("trains", [])


def test_a_batch_may_stand_in_the_order_of_its_classes() -> None:
    inputs, labels = samples()
    order = labels.argsort()
    found = diagnose(rows(), (inputs[order], labels[order]))
    assert (found.verdict, names(found)) == ("trains", [])


def test_a_token_of_classes_and_a_branch_that_begins_faint_stand_beside_the_samples() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.randn(1, 1, 8))
            self.query, self.body = nn.Linear(8, 8), nn.Linear(20, 40)
            self.faint, self.head = nn.Linear(8, 8), nn.Linear(8, 4)
            nn.init.normal_(self.faint.weight, std=1e-6)
            nn.init.zeros_(self.faint.bias)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.body(x).view(-1, 5, 8)
            asked = self.query(self.token.expand(len(x), 1, 8))
            seen = F.scaled_dot_product_attention(asked, tokens, tokens)[:, 0] + tokens.mean(1)
            return self.head(seen + self.faint(seen))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    assert names(diagnose(Tokens(), samples(), depth="still")) == []


def test_a_loss_must_give_a_tensor() -> None:
    with pytest.raises(BadInput, match="the loss gives a float"):
        diagnose(rows(), samples(), loss=lambda given, wanted: F.cross_entropy(given, wanted).item())  # type: ignore[arg-type, return-value]


def test_sigmoids_between_layers_are_suspected_where_nothing_is_learned() -> None:
    torch.manual_seed(0)
    layers = [part for _ in range(5) for part in (nn.Linear(64, 64), nn.Sigmoid())]
    model = nn.Sequential(nn.Linear(20, 64), nn.Sigmoid(), *layers, nn.Linear(64, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    found = diagnose(model, samples(), optimizer=optimizer)
    assert found.verdict == "does not train" and names(found)[0] == "gradient vanishes"


def test_one_sample_at_a_step_is_suspected_where_norms_look_at_the_batch() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(1, 16, 3), nn.BatchNorm1d(16), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 18, 4)
    )
    inputs, labels = samples()
    found = diagnose(
        model, (inputs[:1, None], labels[:1]), optimizer=torch.optim.SGD(model.parameters(), lr=0.05)
    )
    assert found.verdict == "does not train" and "batch too small for its norm" in names(found)


def test_a_model_that_differentiates_by_itself_is_told_how() -> None:
    class Slopes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = rows()

        def forward(self, x: Tensor) -> Tensor:
            given = self.body(x)
            return given + torch.autograd.grad(given.sum(), self.body[0].weight)[0].sum()  # type: ignore[no-any-return]

    with pytest.raises(BadInput, match="asks for gradients in its own forward"):
        diagnose(Slopes(), samples())


def test_what_a_model_makes_of_its_inputs_may_be_too_large() -> None:
    class Bytes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = rows()

        def forward(self, x: Tensor) -> Tensor:
            return self.body(128 + 60 * x)  # type: ignore[no-any-return]

    assert "inputs are not normalised" in names(diagnose(Bytes(), samples(), depth="still"))


def test_two_answers_that_are_compared_are_not_crossed() -> None:
    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = rows(outputs=16)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.body(x[:, 0]), self.body(x[:, 1])

    def contrastive(given: tuple[Tensor, Tensor], alike: Tensor) -> Tensor:
        apart = (given[0] - given[1]).norm(dim=1)
        return (alike * apart.square() + (1 - alike) * F.relu(1 - apart).square()).mean()

    inputs, labels = samples()
    other = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    other[::2] = torch.arange(0, 256, 2)
    batch = torch.stack([inputs, inputs[other]], 1), (labels == labels[other]).float()
    torch.manual_seed(0)
    assert names(diagnose(Pairs(), batch, loss=contrastive, depth="still")) == []


def test_what_needs_a_warm_up_has_one_in_a_probe() -> None:
    model = rows(layers=3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    assert "learning rate too high" in names(diagnose(model, samples(), optimizer=optimizer))
    torch.optim.lr_scheduler.LinearLR(optimizer, 1e-3, total_iters=100)
    found = diagnose(model, samples(), optimizer=optimizer)
    assert (found.verdict, names(found)) == ("trains", [])
