"""What people really give: losses with a domain, labels of other kinds, kept activations, optimisers around others."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint

from residua.exam import Diagnosis, diagnose, examine, heal, healthy_bands, watch
from residua.exam.matching import agreement


def rows(*, inside: int = 20, hidden: int = 64, outside: int = 4, layers: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    middle = [part for _ in range(layers) for part in (nn.Linear(hidden, hidden), nn.ReLU())]
    return nn.Sequential(nn.Linear(inside, hidden), nn.ReLU(), *middle, nn.Linear(hidden, outside))


def samples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(128, 20, generator=generator)
    return inputs, inputs[:, :4].argmax(1)


def names(found: Diagnosis) -> list[str]:
    return [cause.name for cause in found.causes]


class Gaussian(nn.Module):
    """A mean and a variance for each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.body = rows(outside=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.body(x).chunk(2, 1)
        return mean[:, 0], F.softplus(spread)[:, 0]


class Words(nn.Module):
    """A word after each word."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 32), nn.Linear(32, 50)

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.embed(words))  # type: ignore[no-any-return]


def binary(given: Tensor, labels: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(given[:, 0], labels.float())


def by_word(given: Tensor, words: Tensor) -> Tensor:
    return F.cross_entropy(given.flatten(0, 1), words.flatten())


def variance(given: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
    return F.gaussian_nll_loss(given[0], targets, given[1])


def density(given: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
    return -torch.distributions.Normal(given[0], given[1]).log_prob(targets).mean()


def inside(given: Tensor, targets: Tensor) -> Tensor:
    assert ((given >= 0) & (given <= 1)).all(), "shares, please"
    return F.mse_loss(given, targets)


def pairs() -> dict[str, tuple[Callable[[], nn.Module], Tensor, Tensor, Any]]:
    inputs, _ = samples()
    words = torch.randint(50, (128, 16), generator=torch.Generator().manual_seed(0))
    shares = inputs[:, :4].sigmoid()
    return {
        "words in a row": (Words, words, words, by_word),
        "one logit": (lambda: rows(outside=1), inputs, (inputs[:, 0] > 0).long(), binary),
        "one logit, truth": (lambda: rows(outside=1), inputs, inputs[:, 0] > 0, binary),
        "counts": (lambda: rows(outside=1), inputs, inputs[:, 0].exp().long()[:, None], F.poisson_nll_loss),
        "a variance": (Gaussian, inputs, inputs[:, 0], variance),
        "a density": (Gaussian, inputs, inputs[:, 0], density),
        "shares": (lambda: nn.Sequential(*rows(), nn.Sigmoid()), inputs, shares, inside),
        "each its own": (lambda: rows(outside=128), inputs, torch.arange(128), F.cross_entropy),
    }


@pytest.mark.parametrize("name", pairs())
@pytest.mark.parametrize("depth", ["still", "probe"])
def test_what_a_loss_takes_is_asked_of_the_loss(name: str, depth: Any) -> None:
    torch.manual_seed(0)
    make, inputs, targets, loss = pairs()[name]
    found = diagnose(make(), (inputs, targets), loss=loss, depth=depth)
    assert "labels out of range" not in names(found)
    assert found.verdict == "trains", (found.probability, found.causes)


def test_labels_that_the_loss_refuses_are_named_wherever_they_lie() -> None:
    inputs, labels = samples()
    for place in (0, 127):  # the network sees the first 64
        wrong = labels.clone()
        wrong[place] = 4
        found = diagnose(rows(), (inputs, wrong), loss=F.cross_entropy, depth="still")
        assert names(found) == ["labels out of range"]


def test_neighbours_say_nothing_where_hardly_two_samples_have_one_label() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(128, 8, generator=generator)
    assert agreement(inputs, torch.arange(128)) is None
    assert agreement(inputs, torch.randint(1000, (128,), generator=generator)) is None
    assert agreement(inputs, inputs[:, 0] > 0) is not None


def test_a_rate_that_warms_up_is_not_zero() -> None:
    model = rows()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100))
    assert optimizer.param_groups[0]["lr"] == 0
    found = diagnose(model, samples(), loss=F.cross_entropy, optimizer=optimizer)
    assert (found.verdict, names(found)) == ("trains", [])


class Frozen(nn.Module):
    """A body that is only looked through, and a head that learns."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = rows(outside=64).requires_grad_(False), nn.Linear(64, 4)
        for layer in self.body:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)  # as somebody's training might have left it

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            seen = self.body(x)
        return self.head(F.relu(seen))  # type: ignore[no-any-return]


class Waves(nn.Module):
    """A layer with complex weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(11, 4, dtype=torch.cfloat) / 4)

    def forward(self, x: Tensor) -> Tensor:
        return (torch.fft.rfft(x) @ self.weight).real


class Averaged(nn.Module):
    """The mean of some words, whose gradient is sparse."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 32, sparse=True), nn.Linear(32, 4)

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.embed(words).mean(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize("make", [Frozen, Waves])
def test_weights_of_other_kinds_are_reached(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    found = diagnose(make(), samples(), loss=F.cross_entropy)
    assert (found.verdict, names(found)) == ("trains", [])


def test_a_sparse_gradient_is_a_gradient() -> None:
    torch.manual_seed(0)
    words = torch.randint(50, (128, 3))
    model = Averaged()
    refusing = torch.optim.AdamW(model.parameters(), lr=0.01)  # it takes no sparse gradients, at any rate
    for optimizer in (None, refusing):
        found = diagnose(model, (words, words[:, 0] % 4), loss=F.cross_entropy, optimizer=optimizer)
        assert not {"loss is detached", "detached layers", "learning rate too high"} & set(names(found))


def test_a_way_back_that_fails_says_why() -> None:
    class Rewriting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(20, 16), nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            seen = torch.sigmoid(self.first(x))
            seen += 1
            return self.last(seen)  # type: ignore[no-any-return]

    found = diagnose(Rewriting(), samples(), loss=F.cross_entropy, depth="still")
    assert names(found)[0] == "backward pass fails"
    assert "inplace operation" in found.causes[0].evidence


def test_a_parametrized_layer_is_a_layer() -> None:
    plain = diagnose(rows(layers=3), samples(), loss=F.cross_entropy, depth="still")
    model = rows(layers=3)
    for part in model:
        if isinstance(part, nn.Linear):
            weight_norm(part)
    normed = diagnose(model, samples(), loss=F.cross_entropy, depth="still")
    assert normed.seen.depth == plain.seen.depth == 5
    assert [layer.kind for layer in normed.seen.weighted] == ["ParametrizedLinear"] * 5
    assert normed.features.pull_range < 3
    healthy_bands(model, samples())  # what computes its weight cannot be drawn anew, and is left as it is


class Keeping(nn.Module):
    """A model that keeps what it gave, to be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.body = rows()
        self.last: Tensor | None = None
        self.several: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.body(x)
        self.last, self.several = given.softmax(1), [given]
        return given


def test_a_model_that_keeps_what_it_gave_can_be_probed() -> None:
    model, (inputs, labels) = Keeping(), samples()
    model(inputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert examine(model, (inputs, labels), optimizer=optimizer).verdict == "trains"
    assert model.last is not None


class Wrapper(torch.optim.Optimizer):
    """An optimiser around another one, which a copy of it has lost."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.05})
        self.base = torch.optim.SGD(self.param_groups, lr=0.05)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.base.step(closure)


@pytest.mark.parametrize("kind", [torch.optim.LBFGS, Wrapper])
def test_optimisers_that_ask_for_more_are_probed_too(kind: Any) -> None:
    model = rows()
    found = diagnose(model, samples(), loss=F.cross_entropy, optimizer=kind(model.parameters()))
    assert found.verdict == "trains"
    assert found.probed


class Own(nn.Sequential):
    """A row with a sum of its own around it."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)  # type: ignore[no-any-return]


class ByPlace(nn.Module):
    """Parts called by their places in a row."""

    def __init__(self, drop: bool) -> None:
        super().__init__()
        parts = [part for _ in range(30) for part in (nn.Linear(20, 20), nn.Sigmoid())]
        self.body, self.own, self.head = nn.Sequential(*parts), Own(nn.Linear(20, 20)), nn.Linear(20, 4)
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        for place in range(60):
            x = self.body[place](x)
        if self.drop:
            x = F.dropout(x, 0.5, training=self.training)
        return self.head(self.own(x))  # type: ignore[no-any-return]


@pytest.mark.parametrize("drop", [False, True])
def test_a_treatment_that_does_not_fit_is_none(drop: bool) -> None:
    torch.manual_seed(0)
    model, (inputs, labels) = ByPlace(drop), samples()
    names_, weights = [name for name, _ in model.named_modules()], copy.deepcopy(model.state_dict())
    healed = heal(model, (inputs, labels), depth="still")
    healed.model.eval()
    assert torch.equal(healed.model(inputs), healed.model(inputs))
    assert names_ == [name for name, _ in model.named_modules()]
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_an_optimiser_with_names_and_weights_in_double_precision_can_be_healed() -> None:
    torch.manual_seed(0)
    model = rows(layers=30).double()
    optimizer = torch.optim.SGD(model.named_parameters(), lr=0.1)
    inputs, labels = samples()
    healed = heal(model, (inputs.double(), labels), optimizer=optimizer, depth="still")
    assert healed.edits
    assert healed.after.probability > healed.before.probability


@pytest.mark.parametrize("seed", range(12))
def test_logits_that_happen_to_lie_between_0_and_1_are_logits(seed: int) -> None:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    with torch.no_grad():
        model[-1].weight.mul_(0.1)
        model[-1].bias.fill_(0.5)
    inputs, _ = samples()
    targets = (inputs[:, :1] > 0).float()
    found = diagnose(model, (inputs, targets), loss=F.binary_cross_entropy_with_logits, depth="still")
    assert "sigmoid before a loss that applies one" not in names(found)
    doubled = diagnose(
        nn.Sequential(model, nn.Sigmoid()),
        (inputs, targets),
        loss=F.binary_cross_entropy_with_logits,
        depth="still",
    )
    assert "sigmoid before a loss that applies one" in names(doubled)


class Weighing(nn.Module):
    """A loss with a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, given: Tensor, targets: Tensor) -> Tensor:
        return self.weight.exp() * F.cross_entropy(given, targets)


def test_nothing_is_left_in_a_loss_or_in_inputs() -> None:
    loss, (inputs, labels) = Weighing(), samples()
    encoder = nn.Linear(20, 20)
    seen = encoder(inputs)
    assert diagnose(rows(), (seen, labels), loss=loss).verdict == "trains"
    assert loss.weight.grad is None and encoder.weight.grad is None
    assert loss.weight.requires_grad
    seen.sum().backward()  # its graph is still there


def test_rounding_is_no_shattering() -> None:
    def normed() -> nn.Module:
        torch.manual_seed(0)
        parts = [part for _ in range(12) for part in (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())]
        return nn.Sequential(nn.Linear(20, 64), *parts, nn.Linear(64, 4))

    inputs, labels = samples()
    full = diagnose(normed(), (inputs, labels), depth="still")
    half = diagnose(normed().bfloat16(), (inputs.bfloat16(), labels), depth="still")
    assert abs(half.features.coherence - full.features.coherence) < 0.1


def test_a_model_may_want_an_even_number_of_samples() -> None:
    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = rows()

        def forward(self, x: Tensor) -> Tensor:
            one, other = self.body(x).chunk(2)
            return torch.cat([one + 0.1 * other, other])

    assert diagnose(Halves(), samples(), depth="still").verdict == "trains"


def test_older_checkpoints_can_be_looked_through() -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.body, self.head = (
                nn.Linear(20, 64),
                rows(inside=64, outside=64),
                nn.Linear(64, 4),
            )

        def forward(self, x: Tensor) -> Tensor:
            seen = checkpoint(self.body, F.relu(self.first(x)), use_reentrant=True)
            return self.head(seen)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    assert diagnose(Checkpointed(), samples()).verdict == "trains"


def pictured(kind: str) -> tuple[Tensor, Tensor]:
    """Return pictures of squares: with a border that is void, or told from the rest by their hue alone."""
    generator = torch.Generator().manual_seed(0)
    pictures = 0.1 * torch.randn(64, 3, 24, 24, generator=generator)
    masks = torch.zeros(64, 24, 24, dtype=torch.long)
    for place in range(64):
        top, left = torch.randint(2, 12, (2,), generator=generator).tolist()
        masks[place, top : top + 9, left : left + 9] = 1
    inside = (masks == 1).float()
    pictures[:, 0] += inside
    pictures[:, 1] += 1 - inside
    if kind == "void":
        pictures[:, 1] = 0.1
        grown = F.max_pool2d(inside[:, None], 3, 1, 1) + F.max_pool2d(1 - inside[:, None], 3, 1, 1) > 1
        masks[grown[:, 0]] = 255
    return pictures, masks


@pytest.mark.parametrize("kind", ["void", "hue"])
def test_masks_with_void_borders_and_of_hues_are_in_step(kind: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 3, padding=1))
    loss = nn.CrossEntropyLoss(ignore_index=255)
    found = diagnose(model, pictured(kind), loss=loss)
    assert (found.verdict, names(found)) == ("trains", [])
    pictures, masks = pictured("hue")
    assert "masks out of step" in names(diagnose(model, (pictures, masks.roll(1, 0)), loss=loss))


def test_void_that_the_loss_does_not_know_is_named() -> None:
    model = nn.Conv2d(3, 2, 3, padding=1)
    found = diagnose(model, pictured("void"), loss=F.cross_entropy, depth="still")
    assert names(found)[0] == "labels out of range"
    assert "stand for no class, which the loss does not leave out" in found.causes[0].evidence


def test_labels_that_neighbours_do_not_share_are_refuted_by_what_a_probe_learns() -> None:
    torch.manual_seed(0)
    bits = torch.randint(0, 2, (256, 4)).float() * 2 - 1
    labels = (bits[:, 0] * bits[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
    found = diagnose(model, (bits, labels))
    assert (found.verdict, names(found)) == ("trains", [])
    inputs, followed = samples()
    shuffled = followed[torch.randperm(len(followed))]
    assert "labels do not follow the inputs" in names(diagnose(rows(), (inputs, shuffled)))


def test_a_mask_added_to_attention_is_no_shortcut() -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project, self.head = nn.Linear(5, 24), nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            query, key, value = (
                part.view(len(x), 4, 2, 4).transpose(1, 2)
                for part in self.project(x.view(-1, 4, 5)).chunk(3, -1)
            )
            scores = query @ key.transpose(-1, -2) + torch.zeros(len(x), 1, 1, 4)
            seen = (scores.softmax(-1) @ value).transpose(1, 2).reshape(len(x), 4, 8)
            return self.head(seen.mean(1))  # type: ignore[no-any-return]

    assert "sum of unlike shapes" not in names(diagnose(Attending(), samples(), depth="still"))


def by_hand(given: Tensor, targets: Tensor) -> Tensor:
    kept = given.clamp(1e-6, 1 - 1e-6)
    return -(targets * kept.log() + (1 - targets) * (1 - kept).log()).mean()


def test_a_loss_of_probabilities_written_by_hand_applies_no_sigmoid() -> None:
    inputs, _ = samples()
    model = nn.Sequential(*rows(outside=1), nn.Sigmoid())
    found = diagnose(model, (inputs, (inputs[:, :1] > 0).float()), loss=by_hand, depth="still")
    assert (found.verdict, names(found)) == ("trains", [])


def wrong_sign(given: Tensor, labels: Tensor) -> Tensor:
    return -F.cross_entropy(given, labels)


def test_losses_without_a_floor_and_of_unlike_shapes_are_named() -> None:
    inputs, labels = samples()
    assert names(diagnose(rows(), (inputs, labels), loss=wrong_sign))[0] == "loss has no floor"
    logits = diagnose(rows(), (inputs, labels), loss=F.nll_loss)
    assert names(logits)[0] == "loss needs logarithms of probabilities"
    right = diagnose(nn.Sequential(*rows(), nn.LogSoftmax(1)), (inputs, labels), loss=F.nll_loss)
    assert (right.verdict, names(right)) == ("trains", [])

    def crossing(given: Tensor, targets: Tensor) -> Tensor:
        return (given - targets).square().mean()

    crossed = diagnose(rows(outside=1), (inputs, inputs[:, 0]), loss=crossing)
    assert names(crossed)[0] == "loss compares every output with every target"


def test_a_target_that_is_no_number_is_named_wherever_it_lies() -> None:
    inputs, _ = samples()
    targets = inputs[:, :1].clone()
    targets[100] = torch.nan
    found = diagnose(rows(outside=1), (inputs, targets), loss=F.mse_loss, depth="still")
    assert names(found)[0] == "targets are not finite"


def test_a_rate_at_which_the_loss_is_lost_is_named_though_others_train() -> None:
    model = rows(layers=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e6)
    found = diagnose(model, samples(), loss=F.cross_entropy, optimizer=optimizer)
    assert found.verdict != "trains"
    assert "learning rate too high" in names(found)


class Rateless(torch.optim.Optimizer):
    """An optimiser that knows no learning rate."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"share": 0.05})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(group["share"] * parameter.grad)


def test_an_optimiser_without_a_rate_can_be_looked_at_and_watched() -> None:
    model, (inputs, labels) = rows(), samples()
    optimizer = Rateless(model.parameters())
    assert diagnose(model, (inputs, labels), optimizer=optimizer).verdict == "trains"
    with watch(model, optimizer) as seen:
        for _ in range(9):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
    assert seen.causes == ()


def test_a_model_may_normalise_by_itself() -> None:
    torch.manual_seed(0)
    bytes_ = torch.randint(0, 256, (128, 20)).float()
    labels = bytes_[:, :4].argmax(1)
    inside = nn.Sequential(nn.BatchNorm1d(20), nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
    assert "inputs are not normalised" not in names(diagnose(inside, (bytes_, labels), depth="still"))
    assert "inputs are not normalised" in names(diagnose(rows(), (bytes_, labels), depth="still"))


def test_no_network_is_slow_without_a_reason() -> None:
    torch.manual_seed(0)
    parts = [part for _ in range(6) for part in (nn.Linear(20, 20), Own(nn.Tanh()))]
    for scale in (1, 5, 20, 60):
        model = nn.Sequential(*copy.deepcopy(parts), nn.Linear(20, 4))
        for parameter in model.parameters():
            parameter.data *= scale
        for depth in ("still", "probe"):
            found = diagnose(model, samples(), depth=depth)  # type: ignore[arg-type]
            assert found.verdict == "trains" or found.causes


def test_units_that_are_dead_behind_a_function_are_found() -> None:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.body, self.head = nn.Linear(20, 64), nn.Linear(64, 64), nn.Linear(64, 4)
            nn.init.constant_(self.body.bias, -50.0)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(F.relu(self.body(F.relu(self.first(x)))))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    found = diagnose(Dead(), samples(), depth="still")
    assert (names(found)[0], found.causes[0].layer) == ("dead units", "body.weight")


def test_few_marks_in_large_masks_are_enough() -> None:
    pictures, masks = pictured("hue")
    marked = torch.full_like(masks, 255)
    marked[:, ::6, ::6] = masks[:, ::6, ::6]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 3, padding=1))
    found = diagnose(model, (pictures, marked), loss=nn.CrossEntropyLoss(ignore_index=255))
    assert (found.verdict, names(found)) == ("trains", [])


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"lr": 0.0}, "learning rate is zero"),
        ({"lr": 100.0}, "learning rate too high"),
        ({"lr": 0.1, "momentum": 1.0}, "momentum out of range"),
        ({"lr": 0.1, "weight_decay": 10.0}, "weight decay swallows the weights"),
    ],
)
def test_a_watch_reads_how_the_optimiser_is_set(settings: dict[str, float], cause: str) -> None:
    model = rows()
    with watch(model, torch.optim.SGD(model.parameters(), **settings)) as seen:
        assert [known.name for known in seen.causes] == [cause]


def test_statistics_that_were_followed_may_be_kept() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4))
    inputs, labels = samples()
    fresh = copy.deepcopy(model)
    fresh[1].eval()
    assert "norm in evaluation mode" in names(diagnose(fresh, (inputs, labels), depth="still"))
    for _ in range(60):
        model(inputs)
    model[1].eval()
    assert names(diagnose(model, (inputs, labels), depth="still")) == []


def test_experts_that_these_samples_do_not_choose_are_not_detached() -> None:
    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.experts = nn.Linear(20, 200), nn.ModuleList(rows() for _ in range(200))

        def forward(self, x: Tensor) -> Tensor:
            share, chosen = self.gate(x).softmax(1).max(1)
            given = x.new_zeros(len(x), 4)
            for place in chosen.unique().tolist():
                own = (chosen == place).nonzero()[:, 0]
                given = given.index_put((own,), share[own, None] * self.experts[place](x[own]))
            return given

    torch.manual_seed(0)
    found = diagnose(Experts(), samples(), loss=F.cross_entropy, depth="still")
    assert names(found) == [] and [note.name for note in found.notes] == ["layers not called"]


@pytest.mark.parametrize("shortcut", [True, False])
def test_one_number_added_to_what_it_was_made_from_is_a_branch_too_narrow(shortcut: bool) -> None:
    class Summing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.narrow, self.head = nn.Linear(20, 64), nn.Linear(64, 1), nn.Linear(64, 4)

        def forward(self, x: Tensor) -> Tensor:
            features = F.relu(self.body(x))
            if shortcut:
                return self.head(features + self.narrow(features))  # type: ignore[no-any-return]
            advantages = self.head(features)  # and a value, as of a dueling network
            return self.narrow(features) + advantages  # type: ignore[no-any-return]

    torch.manual_seed(0)
    found = diagnose(Summing(), samples(), loss=F.cross_entropy, depth="still")
    assert names(found) == (["sum of unlike shapes"] if shortcut else [])


def test_places_are_the_same_for_all_samples() -> None:
    class Placed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.places, self.body, self.head = nn.Embedding(5, 8), nn.Linear(4, 8), nn.Linear(40, 4)

        def forward(self, x: Tensor) -> Tensor:
            places = self.places(torch.arange(5).expand(len(x), 5))
            return self.head(F.relu(self.body(x.view(-1, 5, 4)) + places).flatten(1))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    assert names(diagnose(Placed(), samples(), loss=F.cross_entropy, depth="still")) == []


def test_rows_of_length_1_are_meant_to_be() -> None:
    torch.manual_seed(0)
    inputs = F.normalize(torch.rand(128, 2000) * (torch.rand(128, 2000) < 0.02))
    labels = inputs[:, :4].argmax(1)
    model = nn.Sequential(nn.Linear(2000, 64), nn.ReLU(), nn.Linear(64, 4))
    for scale, cause in ((1, []), (0.1, ["inputs are not normalised"])):
        found = diagnose(model, (scale * inputs, labels), loss=F.cross_entropy, depth="still")
        assert [name for name in names(found) if name.startswith("inputs")] == cause
