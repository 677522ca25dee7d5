"""What is planned from a layer and what is decided at the operation it calls are of one mind."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import CheckpointPolicy

from residua.training.memory.costs import work
from residua.training.memory.rows import CONVOLUTION, PRODUCTS, policy

PICTURES, ROWS = torch.randn(2, 8, 5, 5), torch.randn(3, 6)
LAYERS: dict[str, tuple[nn.Conv2d | nn.ConvTranspose2d | nn.Linear, Tensor]] = {
    "3 x 3": (nn.Conv2d(8, 12, 3), PICTURES),
    "1 x 1, without bias": (nn.Conv2d(8, 12, 1, bias=False), PICTURES),
    "in groups": (nn.Conv2d(8, 12, 3, groups=4), PICTURES),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8), PICTURES),
    "transposed": (nn.ConvTranspose2d(8, 12, 2, stride=2), PICTURES),
    "transposed, in groups": (nn.ConvTranspose2d(8, 12, 2, groups=2), PICTURES),
    "linear": (nn.Linear(6, 4), ROWS),
    "linear, without bias": (nn.Linear(6, 4, bias=False), ROWS),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_kept_from_its_own_work_on(name: str) -> None:
    layer, inputs = LAYERS[name]
    decided: list[CheckpointPolicy] = []

    class Asking(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if func in (CONVOLUTION, *PRODUCTS):
                decided.extend(policy(work(layer) + more, None, func, *args) for more in (0, 1))
            return func(*args, **(kwargs or {}))

    with Asking():
        layer(inputs)
    assert decided == [CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_RECOMPUTE]
