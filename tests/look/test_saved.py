"""What is kept for the backward pass is counted once, and weights are not."""

import torch
from torch import Tensor, nn

from residua.look import saved_bytes
from tests.look.models import batch, small, traces

FLOAT = 4


def total(outputs: Tensor, _: Tensor) -> Tensor:
    return outputs.sum()


def kept(*layers: nn.Module, inputs: Tensor) -> int:
    """Return the numbers that some layers keep, where the loss keeps none."""
    count, rest = divmod(saved_bytes(nn.Sequential(*layers), (inputs, inputs), loss=total), FLOAT)
    assert rest == 0
    return count


def test_a_linear_layer_keeps_its_inputs_and_a_relu_its_outputs() -> None:
    inputs = torch.randn(5, 3)
    assert kept(nn.Linear(3, 7), inputs=inputs) == 5 * 3
    assert kept(nn.Linear(3, 7), nn.ReLU(), inputs=inputs) == 5 * 3 + 5 * 7


def test_what_two_layers_share_counts_once() -> None:
    layers = nn.Linear(3, 7), nn.ReLU(), nn.Linear(7, 2)
    assert kept(*layers, inputs=torch.randn(5, 3)) == 5 * 3 + 5 * 7


def test_a_batch_norm_keeps_its_inputs_and_two_numbers_a_channel() -> None:
    inputs = torch.randn(5, 3, 4, 4)
    without = kept(nn.Conv2d(3, 7, 1), nn.ReLU(), inputs=inputs)
    normed = kept(nn.Conv2d(3, 7, 1), nn.BatchNorm2d(7), nn.ReLU(), inputs=inputs)
    assert normed - without == 5 * 7 * 4 * 4 + 2 * 7


def test_nothing_is_kept_of_the_pictures_around_a_batch() -> None:
    pictures = torch.randn(100, 3)
    assert kept(nn.Linear(3, 7), inputs=pictures[:5]) == 5 * 3


def test_the_model_is_as_it_was() -> None:
    model = small()
    before = traces(model)
    saved_bytes(model, batch())
    assert traces(model) == before
