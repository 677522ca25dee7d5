"""Whether labels follow the inputs: said where there is enough to tell, and of nobody whose network sees more."""

import pytest
import torch
from torch import Tensor, nn

from residua.exam import diagnose
from residua.exam.inputs import last_features
from residua.exam.matching import agreement, distances, foretold

SAID = "labels do not follow the inputs"


class Set(nn.Module):
    """Points in any order: what is seen of each, and the largest of it over all."""

    def __init__(self) -> None:
        super().__init__()
        self.each, self.head = nn.Sequential(nn.Linear(2, 64), nn.ReLU()), nn.Linear(64, 4)

    def forward(self, points: Tensor) -> Tensor:
        return self.head(self.each(points).amax(1))  # type: ignore[no-any-return]


def points(count: int = 400) -> tuple[Tensor, Tensor]:
    """Return sets of points in no order: on a ring, within it, in two heaps on it, or on one of its diameters."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 4
    angles = 2 * torch.pi * torch.rand(count, 32, generator=generator)
    halves = torch.pi * torch.randint(2, (count, 32), generator=generator)
    angles = torch.where((labels > 1)[:, None], halves, angles)
    widths = torch.rand(count, 32, generator=generator).sqrt()
    widths = torch.where((labels % 2 == 0)[:, None], 1.0, widths)
    places = torch.stack([widths * angles.cos(), widths * angles.sin()], 2)
    return places + 0.05 * torch.randn(places.shape, generator=generator), labels


def shuffled(labels: Tensor) -> Tensor:
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]


def causes(inputs: Tensor, labels: Tensor, model: nn.Module) -> list[str]:
    return [cause.name for cause in diagnose(model, (inputs, labels), depth="still").causes]


def test_what_the_network_makes_of_sets_tells_that_labels_follow_them() -> None:
    torch.manual_seed(0)
    inputs, labels = points()
    model = Set()
    seen = last_features(model, inputs)
    assert seen is not None
    known, own = agreement(inputs, labels), agreement(seen, labels)
    assert own is not None
    assert own > (known or 0.0) + 1
    assert causes(inputs, labels, model) == []
    assert SAID in causes(inputs, shuffled(labels), model)


def test_many_weak_signs_add_up_where_no_neighbour_is_near() -> None:
    inputs = torch.randn(200, 60, generator=torch.Generator().manual_seed(0))
    labels = (inputs[:, :6].sum(1) > 0).long()
    assert foretold(distances(inputs), labels) > 3
    assert foretold(distances(inputs), shuffled(labels)) < 2.5


@pytest.mark.parametrize(("classes", "count", "enough"), [(2, 256, False), (2, 400, True), (10, 100, True)])
def test_nothing_is_said_of_pictures_where_there_are_too_few(classes: int, count: int, enough: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(count, 3, 8, 8, generator=generator)
    labels = torch.arange(count) % classes
    assert (agreement(pictures, labels) is not None) == enough


def test_features_are_none_where_the_last_layer_sees_no_row_a_sample() -> None:
    class Crossed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(100, 4)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.layer(inputs.flatten().reshape(-1, 100))  # type: ignore[no-any-return]

    assert last_features(Crossed(), torch.ones(10, 20)) is None
    assert last_features(nn.Flatten(), torch.ones(10, 20)) is None
