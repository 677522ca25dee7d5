"""An optimiser that passes once over the weights."""

import pytest
import torch
from torch import nn

from residua.optim import make_optimizer
from residua.optim.optimizer import Optimizer


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_one_pass_over_the_weights_moves_them_as_several_do(kind: Optimizer) -> None:
    """Also where weights, gradients and moments lie channels last."""
    fused, plain = (nn.Conv2d(8, 4, 3).to(memory_format=torch.channels_last) for _ in range(2))
    plain.load_state_dict(fused.state_dict())
    ours = make_optimizer(fused, kind=kind, lr=0.1, momentum=0.9, weight_decay=0.1)
    theirs = make_optimizer(plain, kind=kind, lr=0.1, momentum=0.9, weight_decay=0.1)
    assert all(group["fused"] for group in ours.param_groups)
    for group in theirs.param_groups:
        group["fused"] = None
    for _ in range(3):
        images = torch.randn(2, 8, 5, 5)
        for network, optimizer in ((fused, ours), (plain, theirs)):
            optimizer.zero_grad()
            torch.autograd.backward(network(images).square().mean())
            optimizer.step()
    torch.testing.assert_close(fused.weight, plain.weight)
