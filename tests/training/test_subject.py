"""Noise to examine a network with: labels and masks follow how bright it is."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from residua.errors import BadInput
from residua.exam import diagnose
from residua.training.subject import open_subject


def test_masks_of_noise_follow_its_brightness_and_a_u_net_can_learn_them() -> None:
    subject = open_subject("unet_slim", shape=(1, 16, 16), classes=3)
    inputs, masks = subject.batch
    shares = torch.bincount(masks.flatten()) / masks.numel()
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=1e-3)
    darkest = [inputs[:, 0][masks == place].min() for place in range(3)]
    brightest = [inputs[:, 0][masks == place].max() for place in range(3)]
    assert all(below <= above for below, above in zip(brightest, darkest[1:], strict=False))
    found = diagnose(subject.model, subject.batch, loss=subject.loss, depth="still")
    assert (found.verdict, found.causes) == ("trains", ())


def test_labels_of_noise_follow_its_brightness_always_in_the_same_way() -> None:
    def batch() -> tuple[Tensor, Tensor]:
        return open_subject("resnet20_cifar", shape=(3, 8, 8), classes=5).batch

    inputs, labels = batch()
    assert set(labels.bincount().tolist()) <= {51, 52}
    assert torch.equal(labels[inputs.mean((1, 2, 3)).argsort()], labels.sort().values)
    assert all(torch.equal(one, other) for one, other in zip(batch(), batch(), strict=True))


def test_what_learns_by_heart_alone_is_not_said_to_learn_noise() -> None:
    torch.manual_seed(0)
    rows = [part for _ in range(8) for part in (nn.Sigmoid(), nn.Linear(64, 64))]
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 64), *rows, nn.Linear(64, 10))
    batch = open_subject("resnet20_cifar", shape=(3, 8, 8)).batch
    assert diagnose(model, batch).verdict == "does not train"
    by_heart = batch[0][:64], torch.randint(10, (64,))
    assert diagnose(model, by_heart).probability > diagnose(model, batch).probability


def opened(path: Path, function: str) -> object:
    return open_subject(f"{path}:{function}", shape=(1, 8, 8), classes=3).model


def test_a_file_may_hold_dataclasses_and_annotations_from_the_future(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from torch import nn\n"
        "@dataclass\n"
        "class Sizes:\n"
        "    inside: int = 64\n"
        "def make(sizes: Sizes = Sizes()):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(sizes.inside, 3))\n"
        "def asks(width):\n"
        "    return nn.Linear(width, 3)\n"
        "def fails():\n"
        "    return nn.Nothing()\n"
        "number = 3\n"
    )
    assert isinstance(opened(path, "make"), torch.nn.Sequential)
    with pytest.raises(BadInput, match=r"asks of .* cannot be called without arguments: missing .* 'width'"):
        opened(path, "asks")
    for name in ("other", "number"):
        with pytest.raises(BadInput, match=f"has no function '{name}'"):
            opened(path, name)
    with pytest.raises(AttributeError, match="Nothing"):  # their own mistake keeps its traceback
        opened(path, "fails")
