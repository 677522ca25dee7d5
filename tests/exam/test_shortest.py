"""The shortest way through a network, against networks whose ways can be counted by hand."""

import pytest
import torch
from torch import Tensor, nn

from residua.exam.wiring import wiring
from residua.nets.build import build
from residua.parts import Concat, Sum


def deep(layers: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(6, 6) for _ in range(layers)))


class Picky(nn.Module):
    """Takes batches of eight alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.layer(x.view(8, 6))
        return given


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        (deep(7), 7),
        (nn.Sequential(deep(1), Sum(deep(3)), Sum(deep(2)), deep(1)), 2),
        (nn.Sequential(deep(2), Concat(deep(3)), nn.Linear(12, 2)), 3),
        (nn.Sequential(deep(1), nn.ReLU(), nn.LayerNorm(6), deep(1)), 2),
        (nn.Sequential(nn.Flatten(), nn.Tanh()), 0),
        (Picky(), 1),
    ],
)
def test_it_passes_as_few_layers_as_there_are_on_any_way(model: nn.Module, layers: int) -> None:
    assert wiring(model, torch.randn(8, 6)).shortest == layers


@pytest.mark.parametrize(
    ("name", "layers"), [("plain20", 20), ("resnet20_cifar", 2), ("resnet56_skipinit", 2), ("densenet121", 5)]
)
def test_shortcuts_make_it_short(name: str, layers: int) -> None:
    assert wiring(build(name), torch.randn(4, 3, 32, 32)).shortest == layers


def test_where_no_way_leads_to_the_inputs_there_is_none() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.given = nn.Parameter(torch.zeros(3))

        def forward(self, x: Tensor) -> Tensor:
            return self.given.expand(len(x), 3)

    assert wiring(Constant(), torch.randn(4, 6)).shortest is None


def test_from_words_it_begins_at_their_embedding() -> None:
    words = nn.Sequential(nn.Embedding(9, 4), Sum(nn.Linear(4, 4)), nn.Linear(4, 2))
    assert wiring(words, torch.randint(9, (4, 3))).shortest == 2
