"""The two searches before a training leave everything as it was."""

from collections.abc import Iterator
from itertools import repeat

import pytest
import torch
from torch import Tensor, nn

from residua.data import Preprocess, open_source
from residua.nets.build import build
from residua.objective import cross_entropy
from residua.training import Settings
from residua.training.finder import STEPS, find_lr, fitting_batch
from residua.training.network import fitted_spec
from residua.training.recipe import Recipe
from residua.training.tasks import Classification, decide


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    source = open_source("digits")
    task = Classification(source=source, preprocess=Preprocess.for_source(source))
    return decide(task, Settings(device="cpu"), "digits")[0]


def digits_like() -> tuple[Tensor, Tensor]:
    labels = torch.arange(64) % 10
    return torch.randn(10, 1, 8, 8)[labels] + 0.1 * torch.randn(64, 1, 8, 8), labels


def test_the_learning_rate_finder_leaves_model_and_chance_as_they_were(recipe: Recipe) -> None:
    network = build(fitted_spec(recipe, open_source("digits")))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    batch = digits_like()
    state = torch.get_rng_state()
    found = find_lr(network, repeat(batch), recipe, loss=cross_entropy)
    assert 1e-4 < found < 10
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_finder_draws_a_batch_when_it_needs_one_and_says_how_far_it_is(recipe: Recipe) -> None:
    drawn: list[int] = []
    told: list[tuple[int, int]] = []
    images, labels = digits_like()

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for number in range(10 * STEPS):
            drawn.append(number)
            yield images, labels

    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    find_lr(
        network, batches(), recipe, loss=cross_entropy, tell=lambda done, total: told.append((done, total))
    )
    assert len(drawn) <= STEPS
    assert told[:2] == [(1, STEPS), (2, STEPS)]


def test_a_fitting_batch_counts_what_autograd_keeps() -> None:
    small = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 2))
    large = nn.Sequential(nn.Conv2d(1, 800, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(800 * 64, 2))
    (few, how), (many, _) = (fitting_batch(net, torch.zeros(1, 1, 8, 8)) for net in (large, small))
    assert many > 16 * few
    assert many & (many - 1) == 0
    assert "MB a picture" in how
