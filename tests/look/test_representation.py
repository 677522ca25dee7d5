"""Ranks, similarities and spreads that arithmetic fixes."""

import pytest
import torch
from torch import nn

from residua.look import representation
from residua.parts import Sum
from tests.look.models import batch, small, traces


def rows(model: nn.Module, inputs: torch.Tensor) -> list[tuple[float, float, float]]:
    return [
        (round(row.rank, 4), round(row.similarity, 4), round(row.spread, 4))
        for row in representation(model, inputs)
    ]


class Forgets(nn.Module):
    """Give every sample the same."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(x)


def test_what_changes_nothing_keeps_everything() -> None:
    inputs = torch.randn(8, 40, generator=torch.Generator().manual_seed(0))
    (found,) = rows(nn.Identity(), inputs)
    assert found[1] == 1
    assert found[0] > 0.9


def test_samples_that_all_look_alike_have_no_rank() -> None:
    assert rows(Forgets(), torch.eye(4)) == [(0, 0, 0)]


def test_samples_on_a_line_have_one_direction() -> None:
    inputs = torch.arange(5.0)[:, None] * torch.ones(5, 3)
    (found,) = rows(nn.Identity(), inputs)
    assert found[0] == pytest.approx(1 / 4)


@pytest.mark.parametrize("scale", [1e-18, 1e18])
def test_size_does_not_matter(scale: float) -> None:
    inputs = torch.eye(4)
    assert rows(nn.Identity(), inputs * scale) == rows(nn.Identity(), inputs)


def test_large_outputs_are_sampled_and_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(1, 128, 1, bias=False), Sum(nn.BatchNorm2d(128)))
    inputs = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    first = representation(model, inputs)
    assert [row.kind for row in first] == ["Conv2d", "Identity", "BatchNorm2d", "Sum"]
    assert (
        first[0].similarity > 0.9
    )  # one weight a channel scales distances, and 4,096 of 8,192 values show it
    assert representation(model, inputs) == first
    block = small(depth=2)
    before = traces(block)
    representation(block, batch()[0])
    assert traces(block) == before
