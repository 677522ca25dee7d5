"""A training with less memory is the same training."""

from pathlib import Path

import pytest
import torch

from residua.errors import BadInput
from residua.runs import load_model
from residua.training import Settings, train
from residua.training.recipe import Memory, refuse_nonsense
from residua.training.tasks.usual import usual_choices


def weights(folder: Path, memory: Memory) -> dict[str, torch.Tensor]:
    settings = Settings(
        model="resnet8_cifar", epochs=1, device="cpu", amp=False, accumulate=2, memory=memory, kernels=False
    )
    done, _ = train("digits", settings, run=folder / memory, exam=False)
    return load_model(done.folder).network.state_dict()


def test_the_weights_after_an_epoch_are_those_of_the_plain_training(tmp_path: Path) -> None:
    plain, lean = weights(tmp_path, "plain"), weights(tmp_path, "lean")
    assert list(lean) == list(plain)
    for name in plain:
        torch.testing.assert_close(
            lean[name], plain[name], rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_a_reversible_network_keeps_the_least_unless_told() -> None:
    assert usual_choices(Settings(model="resnet56_reversible", device="cpu"))["memory"][0] == "least"
    assert usual_choices(Settings(model="resnet56_cifar", device="cpu"))["memory"][0] == "plain"
    compiled = Settings(model="resnet56_reversible", device="cpu", compile=True)
    assert usual_choices(compiled)["memory"][0] == "plain"


def test_a_compiled_network_is_not_told_what_to_keep() -> None:
    with pytest.raises(BadInput, match=r"--compile with --memory lean; .* Leave one of them out"):
        refuse_nonsense(Settings(memory="lean", compile=True))
    refuse_nonsense(Settings(memory="plain", compile=True))
