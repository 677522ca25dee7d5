"""Blocks that are taken out for good: the same answers as with the blocks silent, and a smaller run."""

from pathlib import Path

import pytest
import torch
from torch import nn

from residua.errors import BadInput
from residua.export.pictures import HeldOut
from residua.export.pruning import blocks_to_remove, rebuilt, removable, without_the_cheapest
from residua.export.slim import Slimmed, slim
from residua.look import Silent, rewired
from residua.nets.build import build
from residua.nets.network import Network
from residua.runs import load_model, read_json
from residua.training import Settings, train


def with_statistics(name: str) -> Network:
    """Return a network whose norms have met a batch."""
    network = build(name)
    with torch.no_grad():
        network.train()(torch.randn(8, 3, 32, 32))
    return network.eval()


@pytest.mark.parametrize("name", ["resnet20_cifar", "resnet29_preact", "resnet18"])
def test_a_network_without_blocks_answers_as_with_the_blocks_silent(name: str) -> None:
    network, images = with_statistics(name), torch.randn(4, 3, 32, 32)
    gone = removable(network)[::2]
    smaller = rebuilt(network, gone)
    with torch.no_grad(), rewired(network, dict.fromkeys(gone, Silent)):
        expected = network(images)
    with torch.no_grad():
        assert (smaller(images) - expected).abs().max() < 1e-5
    assert sum(smaller.spec.depths) == sum(network.spec.depths) - len(gone)


def test_only_blocks_that_carry_their_input_as_it_is_can_go() -> None:
    assert removable(build("resnet20_cifar")) == [
        f"stage{stage}.{block}.sum" for stage, block in ((1, 0), (1, 1), (2, 1), (2, 2), (3, 1), (3, 2))
    ]


@pytest.mark.parametrize(
    ("name", "keep", "reason"),
    [
        ("plain20", 0.8, "only blocks of a residual network"),
        ("densenet40_k12", 0.8, "only blocks of a residual network"),
        ("resnet20_cifar", 0.0, "above 0 and below 1"),
        ("resnet20_cifar", 1.0, "above 0 and below 1"),
        ("resnet20_cifar", 0.2, "of 9 blocks takes 7 out; 6 can go"),
        ("resnet20_cifar", 0.99, "takes 0 out"),
    ],
)
def test_what_cannot_be_taken_out_is_a_sentence(name: str, keep: float, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        blocks_to_remove(build(name), keep)


def test_a_run_becomes_a_smaller_run_that_is_nearly_as_good(tmp_path: Path) -> None:
    settings = Settings(model="resnet20_cifar", epochs=8, device="cpu")
    run, evaluation = train("digits", settings, run=tmp_path / "digits")
    done, found = slim(run.folder, keep=0.7, epochs=2)
    assert done.folder == tmp_path / "digits-slim"
    assert read_json(done.folder / "slim.json", Slimmed) == found
    assert (found.before.blocks, found.after.blocks, len(found.removed)) == (9, 6, 3)
    assert found.before.accuracy == pytest.approx(evaluation.scores.top1)
    assert found.after.macs < found.before.macs
    assert found.after.parameters < found.before.parameters
    assert found.after.accuracy > found.before.accuracy - 0.05
    model = load_model(done.folder)
    assert model.name == "resnet20_cifar-slim"
    assert sum(isinstance(part, nn.Conv2d) for part in model.network.modules()) == 13


def test_the_cheapest_block_is_the_one_that_does_nothing(tmp_path: Path) -> None:
    """A block whose last norm gives zeros is its shortcut already, so taking it out costs nothing."""
    network = with_statistics("resnet20_cifar")
    idle = network.get_submodule("stage2.2.sum.branch.norm2")
    nn.init.zeros_(idle.get_parameter("weight"))
    nn.init.zeros_(idle.get_parameter("bias"))
    images = torch.randn(16, 3, 32, 32)
    with torch.no_grad():
        labels = network(images).argmax(1)
    found = without_the_cheapest(network, HeldOut([images], [images], labels), 1, lambda *_: None)
    assert found.removed == (("stage2.2.sum", pytest.approx(0, abs=1e-6)),)
