from collections.abc import Callable

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor

from residua.errors import BadRun, UnknownName
from residua.nets.adapters import adapt, from_ours
from residua.nets.build import build
from residua.nets.spec import ResNetSpec, Spec
from tests.nets.members import MEMBERS

State = dict[str, Tensor]

SPEC = MEMBERS["resnet20_cifar"]
ABROAD = [
    ("resnet20_cifar", "pytorch_resnet_cifar10"),
    ("resnet18", "torchvision"),
    ("resnet50", "torchvision"),
    ("resnet18", "timm"),
    ("resnetv2_18", "timm"),
    ("resnetv2_50", "timm"),
    ("resnet164_preact", "timm"),
    ("densenet121", "torchvision"),
    ("vgg11", "torchvision"),
    ("vgg11_bn", "torchvision"),
    ("vgg11_bn", "timm"),
]


def state_of(spec: Spec) -> State:
    return dict(build(spec).state_dict())


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("name", "project"), ABROAD)
def test_weights_go_over_and_come_back(name: str, project: str) -> None:
    spec, state = MEMBERS[name], state_of(MEMBERS[name])
    abroad = from_ours(state, spec, project=project)
    assert abroad.keys() != state.keys()
    adapted = adapt(abroad, spec)
    # timm took over torchvision's names for most families; weights do not say from which of the two they are.
    assert project in (adapted.project, "timm")
    assert same(dict(adapted.state), state)
    assert same(from_ours(adapted.state, spec, project=project), abroad)


def test_what_the_project_does_to_a_picture_comes_with_its_weights() -> None:
    adapted = adapt(from_ours(state_of(SPEC), SPEC, project="pytorch_resnet_cifar10"), SPEC)
    assert (adapted.mean, adapted.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize("name", MEMBERS)
def test_weights_of_ours_pass_through(name: str) -> None:
    state = state_of(MEMBERS[name])
    adapted = adapt(state, MEMBERS[name])
    assert same(dict(adapted.state), state)
    assert (adapted.project, adapted.mean, adapted.std) == ("residua", None, None)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_the_names_that_a_wrapper_leaves_are_seen_through(prefix: str) -> None:
    state = state_of(SPEC)
    abroad = from_ours(state, SPEC, project="pytorch_resnet_cifar10")
    wrapped = {f"{prefix}{name}": tensor for name, tensor in abroad.items()}
    assert same(dict(adapt(wrapped, SPEC).state), state)


def test_the_projections_of_a_cifar_net_are_read_too() -> None:
    assert isinstance(SPEC, ResNetSpec)
    spec = replace(SPEC, shortcut="B")
    state = state_of(spec)
    abroad = from_ours(state, spec, project="pytorch_resnet_cifar10")
    assert "layer2.0.shortcut.0.weight" in abroad
    assert same(dict(adapt(abroad, spec).state), state)


def test_counters_that_old_weights_lack_start_at_0() -> None:
    state = {name: t for name, t in state_of(SPEC).items() if not name.endswith("num_batches_tracked")}
    adapted = adapt(from_ours(state, SPEC, project="torchvision"), SPEC).state
    build(SPEC).load_state_dict(dict(adapted))
    assert adapted["stem.norm.num_batches_tracked"] == 0


def without_head(state: State) -> State:
    return {name: tensor for name, tensor in state.items() if not name.startswith("linear")}


def with_more(state: State) -> State:
    return {**state, "ema.decay": torch.tensor(0.9), "epoch": torch.tensor(3)}


def with_other_classes(state: State) -> State:
    return {**state, "linear.weight": torch.zeros(100, 16), "linear.bias": torch.zeros(100)}


def of_one_name(state: State) -> State:
    return {"encoder.0.weight": torch.zeros(3)}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without_head, r"2 are missing \(head\.linear\.weight, head\.linear\.bias\)"),
        (with_more, r"2 match nothing here \(ema\.decay, epoch\)"),
        (
            with_other_classes,
            r"2 have another shape \(head\.linear\.weight: \(100, 16\) in the weights, \(3, 16\) in the network",
        ),
        (of_one_name, r"1 match nothing here \(encoder\.0\.weight\); \d+ are missing \(.*, and \d+ more\)"),
        (lambda state: {}, r"\d+ are missing"),
    ],
    ids=range(5),
)
def test_nothing_is_left_out_in_silence(change: Callable[[State], State], told: str) -> None:
    abroad = change(from_ours(state_of(SPEC), SPEC, project="pytorch_resnet_cifar10"))
    with pytest.raises(BadRun, match=f"do not fit this network: .*{told}.*Build the network they were"):
        adapt(abroad, SPEC)


def test_two_names_for_one_tensor_are_told_too() -> None:
    spec = MEMBERS["densenet121"]
    abroad = from_ours(state_of(spec), spec, project="torchvision")
    abroad["features.denseblock1.denselayer1.conv.1.weight"] = torch.zeros(1)
    with pytest.raises(BadRun, match=r"1 match nothing here \(features\.denseblock1\.denselayer1\.conv\.1"):
        adapt(abroad, spec)


def test_weights_of_another_depth_are_refused() -> None:
    deeper = replace(SPEC, depths=(3, 3, 3))
    with pytest.raises(BadRun, match="match nothing here"):
        adapt(from_ours(state_of(deeper), deeper, project="pytorch_resnet_cifar10"), SPEC)


def test_a_project_without_such_networks_is_answered_with_those_that_have_them() -> None:
    with pytest.raises(UnknownName, match=r"no project .* 'torchvison'; the nearest names are torchvision"):
        from_ours(state_of(SPEC), SPEC, project="torchvison")


def test_a_layer_that_a_project_does_not_have_is_told() -> None:
    spec = replace(MEMBERS["resnet20_cifar"], order="relu_before_sum")
    with pytest.raises(
        BadRun, match=r"torchvision has no name for stage1\.0\.branch\.conv1\.weight, .* more"
    ):
        from_ours(state_of(spec), spec, project="torchvision")
