"""A treated copy is better by the exam's own measure, and what is well stays as it is."""

import pytest
import torch
from torch import nn

from residua.exam import diagnose, heal
from residua.exam.observe import observe
from residua.exam.treatments import TREATMENTS, Patient
from residua.exam.treatments.norms import add_norms
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
    others |= {"steps lead nowhere", "train and evaluation differ"}
    assert set(TREATMENTS) - others <= set(FAULTS)


def test_norms_go_after_every_layer_but_the_last_where_there_are_none() -> None:
    model = seeded(plain, 5, norm=False)
    inputs, targets = batch()
    patient = Patient(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        batch=(inputs, targets),
        loss=nn.functional.cross_entropy,
        seen=observe(model, (inputs, targets), loss=nn.functional.cross_entropy, optimizer=None),
    )
    layers = sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules())
    assert add_norms(patient) == f"put batch norm after {layers - 1} layers"
    assert sum(isinstance(m, nn.BatchNorm2d) for m in patient.model.modules()) == layers - 1
    assert patient.model(inputs).shape == (len(inputs), patient.model(inputs).shape[1])
    moved = [p for group in patient.optimizer.param_groups for p in group["params"]]
    assert len(moved) == len(list(patient.model.parameters()))
    assert add_norms(patient) is None


def test_a_network_whose_loss_nothing_moves_is_named_and_helped() -> None:
    torch.manual_seed(0)
    layers = [part for _ in range(12) for part in (nn.Linear(64, 64), nn.Sigmoid())]
    model = nn.Sequential(nn.Flatten(), *layers, nn.Linear(64, 4))
    torch.manual_seed(0)
    inputs = torch.randn(64, 1, 8, 8)
    found = diagnose(model, (inputs, inputs[:, 0, 0, :4].argmax(1)))
    assert "steps lead nowhere" in {cause.name for cause in found.causes}
    healed = heal(model, (inputs, inputs[:, 0, 0, :4].argmax(1)), before=found)
    assert healed.after.probability > found.probability
