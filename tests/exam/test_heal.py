"""A treated copy is better by the exam's own measure, and what is well stays as it is."""

import pytest
import torch
from torch import nn

from residua.exam import heal
from residua.exam.treatments import TREATMENTS
from residua.exam.treatments.shortcuts import Count, shapes_of, wrapped
from residua.parts import Sum, joins
from tests.exam.nets import batch, plain, residual, seeded


def test_what_is_well_comes_back_unchanged() -> None:
    model = seeded(plain)
    healed = heal(model, batch(), depth="still")
    assert healed.edits == ()
    assert healed.model is not model
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), healed.model.parameters(), strict=True))


def test_shortcuts_around_pairs_of_layers() -> None:
    model = seeded(plain, 7)
    count = Count()
    treated = wrapped(model, shapes_of(model, batch()[0][:2]), count)
    assert count.branches == 3
    # The first layer changes the channels and stays; six layers with their norms and ReLUs make three branches.
    assert [type(part).__name__ for part in treated.children()] == [
        *("Conv2d", "BatchNorm2d", "ReLU", "Sum", "Sum", "Sum", "Flatten", "Linear")
    ]
    inputs = batch()[0]
    assert torch.equal(treated.eval()(inputs), treated[-2:](treated[:3](inputs)))


def test_a_deep_plain_network_is_given_shortcuts() -> None:
    model = seeded(plain, 31, norm=False)
    healed = heal(model, batch(), depth="still")
    assert "shortcuts around 15 pairs" in healed.edits[0].words
    assert healed.after.probability > healed.before.probability
    assert len(list(joins(healed.model))) == 15
    assert not any(isinstance(module, Sum) for module in model.modules())


def test_an_in_place_layer_is_told_to_copy() -> None:
    healed = heal(seeded(residual, first_in_place=True), batch(), depth="still")
    assert healed.edits[0].cause == "in-place layer rewrites a shortcut"
    assert healed.left == ()


def test_the_optimiser_is_given_what_it_misses() -> None:
    model = seeded(plain)
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    healed = heal(model, batch(), optimizer=optimizer, depth="still")
    assert healed.optimizer is not None
    moved = {id(p) for group in healed.optimizer.param_groups for p in group["params"]}
    assert moved == {id(p) for p in healed.model.parameters()}
    assert len(optimizer.param_groups) == 1


def test_what_no_treatment_helps_is_said() -> None:
    inputs, labels = batch()
    healed = heal(seeded(plain), (inputs, labels + 1), depth="still")
    assert healed.edits == ()
    assert "labels out of range" in healed.left


@pytest.mark.parametrize("softmax", [nn.Softmax(1), nn.Sequential(nn.Softmax(1))], ids=["alone", "within"])
def test_the_softmax_is_taken_out(softmax: nn.Module) -> None:
    healed = heal(nn.Sequential(seeded(plain), softmax), batch(), depth="still")
    assert "the loss applies it" in healed.edits[0].words
    assert not any(isinstance(module, nn.Softmax) for module in healed.model.modules())


def test_every_treatment_is_for_a_cause_that_is_named() -> None:
    from tests.exam.test_rules import FAULTS

    others = {"gradient explodes", "gradient shatters", "gradient vanishes", "samples collapse"}
    others |= {"train and evaluation differ"}
    assert set(TREATMENTS) - others <= set(FAULTS)
