import pytest
import torch
from msgspec.structs import replace
from torch import Tensor

from residua.errors import BadRun
from residua.nets.adapters import Beginning, begin, from_ours
from residua.nets.build import build, resized
from residua.nets.network import Network
from residua.nets.spec import ResNetSpec, Spec, UNetSpec
from tests.nets.members import MEMBERS

SPEC = MEMBERS["resnet18"]
ENCODERS = {
    "imagenet stem": MEMBERS["unet_resnet34"] if "unet_resnet34" in MEMBERS else MEMBERS["unet_resnet18"],
    "cifar stem": UNetSpec(
        widths=(4,),
        encoder=ResNetSpec(depths=(2, 2), widths=(4, 8), stem="cifar", stem_width=4, order="full_preact"),
    ),
}


def begun(start: Beginning, spec: Spec) -> Network:
    network = build(spec)
    network.load_state_dict({**network.state_dict(), **start.state})
    return network.eval()


def weights(spec: Spec) -> dict[str, Tensor]:
    """Return random weights under torchvision's names."""
    return from_ours(build(spec).state_dict(), spec, project="torchvision")


def test_other_classes_get_a_new_head_on_the_same_body() -> None:
    spec = resized(SPEC, classes=7, in_channels=None)
    source, images = build(SPEC).eval(), torch.randn(2, 3, 40, 40)
    start = begin(source.state_dict(), spec)
    assert start.fresh == ("head.linear.weight", "head.linear.bias")
    assert start.said == ("the head is new: 7 outputs, where the weights have 3",)
    with torch.no_grad():
        assert torch.equal(begun(start, spec).features(images), source.features(images))


def test_as_many_classes_keep_the_head_unless_they_are_others() -> None:
    state = weights(SPEC)
    assert begin(state, SPEC).fresh == ()
    other = begin(state, SPEC, new_head=True)
    assert other.fresh == ("head.linear.weight", "head.linear.bias")
    assert other.said == ("the head is new: 3 outputs, where the weights have as many, of other classes",)


def test_weights_without_a_head_are_a_body() -> None:
    state = {name: tensor for name, tensor in weights(SPEC).items() if not name.startswith("fc.")}
    start = begin(state, SPEC)
    assert (start.project, start.said) == (
        "torchvision",
        ("the head is new: 3 outputs, where the weights have none",),
    )


def test_a_grey_picture_gets_the_answer_of_the_same_picture_in_three_channels() -> None:
    spec = resized(SPEC, classes=None, in_channels=1)
    source, grey = build(SPEC).eval(), torch.randn(2, 1, 40, 40)
    start = begin(source.state_dict(), spec)
    assert start.said == ("1 input channel: the kernels of 3 are summed",)
    with torch.no_grad():
        expected = source(grey.expand(-1, 3, -1, -1))
        assert (begun(start, spec)(grey) - expected).abs().max() < 1e-5


@pytest.mark.parametrize(("had", "channels"), [(1, 3), (3, 4), (3, 7)])
def test_more_channels_repeat_the_kernels_and_keep_the_sum(had: int, channels: int) -> None:
    """Channels that all show the same picture sum up to what the old channels gave."""
    source = build(resized(SPEC, classes=None, in_channels=had))
    spec = resized(SPEC, classes=None, in_channels=channels)
    start = begin(source.state_dict(), spec)
    assert start.said == (
        f"{channels} input channels: the kernels of {had} are repeated and scaled by {had}/{channels}",
    )
    if had == 1:
        old, new = source.state_dict()["stem.conv.weight"], start.state["stem.conv.weight"]
        torch.testing.assert_close(new.sum(1), old.sum(1))
        torch.testing.assert_close(new[:, 0], new[:, -1])


def test_what_the_project_subtracts_is_averaged_for_another_number_of_channels() -> None:
    start = begin(weights(SPEC), resized(SPEC, classes=None, in_channels=1))
    assert start.mean == pytest.approx(((0.485 + 0.456 + 0.406) / 3,))
    assert start.std == pytest.approx(((0.229 + 0.224 + 0.225) / 3,))


@pytest.mark.parametrize("which", ENCODERS)
@pytest.mark.parametrize("join", ["concat", "sum", "none"])
def test_a_classifier_becomes_the_way_down_of_a_u_net(which: str, join: str) -> None:
    """What the trunk of the classifier gives is what reaches the bottom of the U."""
    spec = replace(ENCODERS[which], join=join)
    assert isinstance(spec, UNetSpec)
    assert spec.encoder is not None
    source, images = build(spec.encoder).eval(), torch.randn(1, 3, 64, 64)
    unet = begun(begin(source.state_dict(), spec), spec)
    bottom = [name for name, _ in unet.named_modules() if name.endswith("encode")][-1]
    reached: list[Tensor] = []
    unet.get_submodule(bottom).register_forward_hook(lambda _, inputs, output: reached.append(output))
    with torch.no_grad():
        unet(images)
        assert torch.equal(reached[0], trunk(source, images))


def trunk(source: Network, images: Tensor) -> Tensor:
    for name, part in source.named_children():
        if name != "head":
            images = part(images)
    return images


def test_a_u_net_begins_with_a_u_net_too() -> None:
    spec = ENCODERS["imagenet stem"]
    start = begin(build(spec).state_dict(), resized(spec, classes=5, in_channels=None))
    assert start.fresh == ("head.weight", "head.bias")


def test_weights_of_another_network_are_listed_and_refused() -> None:
    assert isinstance(SPEC, ResNetSpec)
    deeper = replace(SPEC, depths=tuple(depth + 1 for depth in SPEC.depths))
    with pytest.raises(
        BadRun, match=r"match nothing here \(stage1\.2\.sum\.branch\.conv1\.weight, .* more\)"
    ):
        begin(weights(deeper), SPEC)
    wider = replace(SPEC, stem_width=8)
    with pytest.raises(
        BadRun, match=r"have another shape \(stem\.conv\.weight: \(8, 3, 7, 7\) in the weights"
    ):
        begin(weights(wider), SPEC)
