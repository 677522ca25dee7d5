"""The page of an exam says what was found, draws the network, and opens offline."""

import torch
from torch import nn

from residua.exam import examine, healthy_bands
from residua.report import examination_page
from tests.exam.nets import batch, plain, seeded


def test_the_page_of_a_network_that_ails() -> None:
    model = seeded(plain, 12, norm=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.1)
    found = examine(model, batch())
    page = examination_page("<mine>", "128 pictures", found, healthy_bands(model, batch()))
    assert "<h1>&lt;mine&gt;</h1>" in page
    assert "It does not train." in page
    assert "trains in 1,000 steps is" in page
    assert found.causes[0].name in page and found.causes[0].evidence in page
    assert all(remedy.words in page for remedy in found.remedies)
    assert page.count("<svg role=") == 2  # the layers and the steps
    assert "src=" not in page and "@import" not in page


def test_the_page_of_a_network_that_is_well() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 4))
    page = examination_page("mine", "128 pictures", examine(model, batch(), depth="still"))
    assert "It trains." in page and "Nothing was found." in page
    assert "What was tried on a copy" not in page
