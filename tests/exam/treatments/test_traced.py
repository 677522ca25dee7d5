"""A plain network whose layers are called from its own code gets its shortcuts too."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.exam import observe
from residua.exam.treatments.patient import Patient
from residua.exam.treatments.traced import add_traced_shortcuts
from tests.exam.nets import CLASSES, batch, seeded


class Written(nn.Module):
    """Ten layers, called one by one, with functions between them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(8))
        self.head = nn.Linear(512, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        for layer in self.middle:
            x = F.relu(layer(x))
        return self.head(x.flatten(1))  # type: ignore[no-any-return]


class Deciding(Written):
    """What it does depends on its values."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.sum() > 0 else -x)


def patient(model: nn.Module) -> Patient:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = observe(model, batch(), loss=F.cross_entropy, optimizer=optimizer)
    return Patient(model=model, optimizer=optimizer, batch=batch(), loss=F.cross_entropy, seen=seen)


def test_each_pair_gets_a_shortcut_and_begins_as_it() -> None:
    treated = patient(seeded(Written))
    plain = treated.model
    assert add_traced_shortcuts(treated) == (
        "trace the model and put shortcuts around 4 pairs of layers, each branch scaled from 0"
    )
    inputs = batch()[0]
    assert isinstance(plain, Written)
    as_shortcuts = plain.head(F.relu(plain.stem(inputs)).flatten(1))
    assert torch.allclose(treated.model(inputs), as_shortcuts, atol=1e-6)
    scales = [p for name, p in treated.model.named_parameters() if "shortcut_scale" in name]
    moved = (
        {id(p) for group in treated.optimizer.param_groups for p in group["params"]}
        if treated.optimizer
        else set()
    )
    assert len(scales) == 4 and all(id(scale) in moved for scale in scales)


def test_with_open_scales_it_is_the_sum_of_both() -> None:
    treated = patient(seeded(Written))
    plain = treated.model
    add_traced_shortcuts(treated)
    with torch.no_grad():
        for name, parameter in treated.model.named_parameters():
            if "shortcut_scale" in name:
                parameter.fill_(1.0)
    inputs = batch()[0]
    assert isinstance(plain, Written)
    x = F.relu(plain.stem(inputs))
    for one, other in zip(plain.middle[::2], plain.middle[1::2], strict=True):
        x = x + F.relu(other(F.relu(one(x))))
    assert torch.allclose(treated.model(inputs), plain.head(x.flatten(1)), atol=1e-5)


def test_what_cannot_be_traced_is_left_alone() -> None:
    treated = patient(seeded(Deciding))
    before = treated.model
    assert add_traced_shortcuts(treated) is None
    assert treated.model is before
