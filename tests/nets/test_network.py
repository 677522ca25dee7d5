import copy
import pickle

import pytest
import torch

from residua.errors import BadInput
from residua.nets.build import build
from residua.nets.network import refuse_misfit
from residua.nets.presets import PRESETS
from residua.nets.spec import ResNetSpec, UNetSpec
from residua.parts import Chain
from tests.nets.members import MEMBERS


def test_parameters_have_the_names_that_are_promised() -> None:
    names = {name: set(build(MEMBERS[name]).state_dict()) for name in MEMBERS}
    assert "stage2.0.sum.branch.conv1.weight" in names["resnet20_cifar"]
    assert "stage2.0.sum.shortcut.conv.weight" in names["resnet50"]
    assert "stage2.0.branch.conv1.weight" in names["plain20"]
    assert "stage2.0.norm1.weight" in names["resnet164_preact"]
    assert "stage2.1.branch.norm1.weight" in names["resnet164_preact"]
    assert "stage2.1.branch.conv1.weight" in names["densenet40_k12"]
    assert "stage2.conv1.weight" in names["vgg11"]
    assert "body.part.skip.branch.deeper.encode.conv1.weight" in names["unet"]
    assert all("head.weight" in of or "head.linear.weight" in of for of in names.values())


def test_the_printed_network_shows_its_legs() -> None:
    printed = repr(build(MEMBERS["resnet20_cifar"]))
    assert all(leg in printed for leg in ("(sum): Sum(", "(branch): Chain(", "(shortcut): PadChannels("))


def test_features_are_the_network_without_its_head() -> None:
    network, x = build(MEMBERS["resnet20_cifar"]).eval(), torch.randn(2, 3, 8, 8)
    head = network.get_submodule("head")
    assert isinstance(network.features, Chain)
    assert torch.equal(head(network.features(x)), network(x))


@pytest.mark.parametrize("name", ["resnet20_cifar", "densenet40_k12", "unet_resnet18", "vgg11"])
def test_a_copy_and_a_pickle_answer_alike(name: str) -> None:
    network = build(MEMBERS[name]).eval()
    x = torch.randn(2, network.spec.in_channels, 32, 32)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert other.spec == network.spec
        assert torch.equal(other(x), network(x))


@pytest.mark.parametrize("name", ["resnet20_cifar", "resnet56_skipinit", "densenet40_k12", "unet_resnet18"])
@pytest.mark.usefixtures("traceable")
def test_a_network_compiles_as_one_graph(name: str) -> None:
    network = build(MEMBERS[name]).eval()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    x = torch.randn(2, network.spec.in_channels, 37, 50)
    torch.testing.assert_close(compiled(x), network(x))


@pytest.mark.usefixtures("traceable")
def test_an_exported_u_net_takes_every_size() -> None:
    encoder = ResNetSpec(depths=(1, 1, 1), widths=(4, 8, 16), stem="cifar", stem_width=4)
    network = build(UNetSpec(widths=(8, 4), encoder=encoder)).eval()
    traced, free = torch.randn(2, 3, 18, 30), torch.export.Dim.DYNAMIC
    program = torch.export.export(network, (traced,), dynamic_shapes=({0: free, 2: free, 3: free},)).module()
    for size in ((16, 24), (18, 30), (37, 50)):
        x = torch.randn(1, 3, *size)
        torch.testing.assert_close(program(x), network(x), rtol=0, atol=1e-5)


def test_half_precision_is_taken_and_bytes_are_not() -> None:
    network = build(MEMBERS["resnet20_cifar"]).to(torch.bfloat16)
    assert network(torch.zeros(2, 3, 8, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16
    with pytest.raises(BadInput, match=r"torch\.int64.*floating point"):
        network(torch.zeros(2, 3, 8, 8, dtype=torch.int64))


@pytest.mark.parametrize("size", [(16, 500), (500, 16)])
def test_either_side_can_be_too_small(size: tuple[int, int]) -> None:
    spec = PRESETS["resnet18"].spec
    with pytest.raises(BadInput, match=f"{size[0]} × {size[1]} pixels; this network needs at least 17 × 17"):
        refuse_misfit(spec, channels=3, size=size)
    refuse_misfit(spec, channels=3, size=(17, 17))
