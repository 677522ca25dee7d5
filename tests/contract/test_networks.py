"""What every network of the table keeps, whatever its family.

Counts and shapes are taken of every preset at its published size, on tensors without storage. What needs values
is checked on every preset too, at its published depth and width, on the smallest image that it takes; only the
hidden units of a VGG, 120 million weights from two lines, are fewer.
"""

from collections.abc import Iterator
from functools import cache

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from msgspec.structs import replace
from torch import Tensor, nn

from residua.errors import BadInput, UnknownName
from residua.nets.build import build
from residua.nets.cost import macs, parameters
from residua.nets.network import Network
from residua.nets.presets import PRESETS
from residua.nets.spec import (
    DenseNetSpec,
    FastSpec,
    PlainSpec,
    ResNetSpec,
    ReversibleSpec,
    Segmenting,
    Spec,
    TiramisuSpec,
    UNetSpec,
    smallest,
)
from residua.parts import Join, joins
from residua.training.memory import thrifty
from residua.training.recipe import Memory

# To the last digit, of torchvision 0.28 (the definitions in torchvision.models, ImageNet's 1,000 classes).
TORCHVISION = {
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnext101_32x8d": 88_791_336,
    "resnext101_64x4d": 83_455_272,
    "resnext50_32x4d": 25_028_904,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
    "wide_resnet101_2": 126_886_696,
    "wide_resnet50_2": 68_883_240,
}

# In millions, to the digits that the paper prints: He et al. 2015, table 6; He et al. 2016, table 4 and its
# section 5; Huang et al. 2016, table 2; Zagoruyko & Komodakis 2016, table 4.
PAPER = {
    "densenet40_k12": "1.0",
    "densenet_bc100_k12": "0.8",
    "densenet_bc190_k40": "25.6",
    "densenet_bc250_k24": "15.3",
    "resnet1001_preact": "10.3",
    "resnet110_cifar": "1.7",
    "resnet1202_cifar": "19.4",
    "resnet164_preact": "1.7",
    "resnet20_cifar": "0.27",
    "resnet32_cifar": "0.46",
    "resnet44_cifar": "0.66",
    "resnet56_cifar": "0.85",
    "wrn28_10": "36.5",
}

# The plain net differs from its twin in the shortcuts, and in nothing else.
TWINS = {
    "plain20": "resnet20_cifar",
    "plain32": "resnet32_cifar",
    "plain44": "resnet44_cifar",
    "plain56": "resnet56_cifar",
    "plain110": "resnet110_cifar",
}


@cache
def sketch(name: str) -> Network:
    """Return a preset whose tensors have shapes and no storage."""
    with torch.device("meta"):
        return build(name)


def images(spec: Spec, *, size: tuple[int, int], batch: int = 4) -> Tensor:
    return torch.randn(batch, spec.in_channels, *size)


def answer(spec: Spec, *, size: tuple[int, int], batch: int = 4) -> tuple[int, ...]:
    """Return the shape of the output: classes for each image, or for each of its pixels."""
    return (batch, spec.classes, *size) if isinstance(spec, Segmenting) else (batch, spec.classes)


@pytest.mark.parametrize("name", PRESETS)
def test_counts_are_those_of_the_table(name: str) -> None:
    preset, network = PRESETS[name], sketch(name)
    assert parameters(network) == preset.parameters
    counted = macs(network, in_channels=preset.spec.in_channels, image_size=preset.image_size)
    assert counted == preset.macs


@pytest.mark.parametrize("name", TORCHVISION)
def test_parameters_are_torchvisions_to_the_last_digit(name: str) -> None:
    assert PRESETS[name].parameters == TORCHVISION[name]


@pytest.mark.parametrize("name", PAPER)
def test_parameters_are_those_that_the_paper_prints(name: str) -> None:
    digits = len(PAPER[name].partition(".")[2])
    assert f"{PRESETS[name].parameters / 1e6:.{digits}f}" == PAPER[name]


@pytest.mark.parametrize("name", ["tiramisu56", "tiramisu67", "tiramisu103"])
def test_a_tiramisu_has_the_layers_of_its_name_and_the_papers_size(name: str) -> None:
    """Count as the authors' library did: biases beside the norms, and the norms' running statistics.

    So counted, two are what the paper prints (table 3). For the smallest it prints 1.5 million, which is neither this
    count nor ours: 1.40 and 1.38.
    """
    network = sketch(name)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convolutions) == int(name.removeprefix("tiramisu"))
    statistics = 2 * sum(m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    biases = sum(m.out_channels for m in convolutions if m.bias is None)
    counted = (parameters(network) + statistics + biases) / 1e6
    assert f"{counted:.1f}" == {"tiramisu56": "1.4", "tiramisu67": "3.5", "tiramisu103": "9.4"}[name]


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.image_size == 256])
def test_u_nets_have_the_sizes_that_they_are_built_around(name: str) -> None:
    """Take away the way up: what is left of a U-Net around an encoder is the encoder without its classifier."""
    spec = PRESETS[name].spec
    assert isinstance(spec, UNetSpec)
    if spec.encoder is None:  # one input channel, two classes, transposed convolutions
        norms = sum(n for key, n in sizes(sketch(name)) if ".norm" in key)
        if spec.block == "plain":  # the norms take the place of the biases before them
            biases = norms // 2
            assert (
                PRESETS[name].parameters - norms + biases
                == {"concat": 31_030_658, "sum": 27_897_218}[spec.join]
            )
        return
    of_encoder = [n for key, n in sizes(sketch(name)) if "decode" not in key and "head" not in key]
    with torch.device("meta"):
        encoder = build(spec.encoder)
    assert sum(of_encoder) == sum(n for key, n in sizes(encoder) if "head" not in key)


def sizes(network: nn.Module) -> Iterator[tuple[str, int]]:
    return ((name, parameter.numel()) for name, parameter in network.named_parameters())


@pytest.mark.parametrize("plain", TWINS)
@pytest.mark.parametrize("option", ["A", "B", "C"])
def test_a_plain_net_is_its_twin_without_the_shortcuts(plain: str, option: str) -> None:
    spec = PRESETS[TWINS[plain]].spec
    assert isinstance(spec, ResNetSpec)
    with torch.device("meta"):
        twin = build(replace(spec, shortcut=option))
    projections = sum(n for name, n in sizes(twin) if ".shortcut." in name)
    assert parameters(twin) - projections == parameters(sketch(plain))
    assert (projections == 0) == (option == "A")


@pytest.fixture(scope="module", params=PRESETS)
def network(request: pytest.FixtureRequest) -> Network:
    """Every preset in turn; all of them at once would not fit in memory."""
    torch.manual_seed(0)
    spec = PRESETS[str(request.param)].spec
    return build(replace(spec, hidden=64) if isinstance(spec, PlainSpec) else spec)


def least(network: Network) -> Tensor:
    side = smallest(network.spec)
    return images(network.spec, size=(side, side))


def test_the_smallest_image_goes_through(network: Network) -> None:
    side = smallest(network.spec)
    with torch.no_grad():
        output = network(least(network))
    assert output.shape == answer(network.spec, size=(side, side))
    assert output.isfinite().all()


def test_an_odd_image_gets_the_shape_of_the_task(network: Network) -> None:
    with torch.no_grad():
        output = network.eval()(images(network.spec, size=(37, 50), batch=1))
    network.train()
    assert output.shape == answer(network.spec, size=(37, 50), batch=1)


def test_an_identity_leg_carries_its_input_bit_for_bit(network: Network) -> None:
    """Nothing in a branch, such as a ReLU in place, may rewrite what the shortcut carries."""
    arrived: dict[Join, tuple[Tensor, Tensor]] = {}
    checked: list[bool] = []

    def arrive(join: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(join, Join)
        arrived[join] = inputs[0], inputs[0].clone()

    def leave(join: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(join, Join)
        carried, before = arrived.pop(join)
        checked.append(join.shortcut(carried) is carried and torch.equal(carried, before))

    identities = [join for _, join in joins(network) if isinstance(join.shortcut, nn.Identity)]
    for join in identities:
        join.register_forward_pre_hook(arrive)
        join.register_forward_hook(leave)
    with torch.no_grad():
        network(least(network))
    for join in identities:
        join._forward_hooks.clear()
        join._forward_pre_hooks.clear()
    assert checked == [True] * len(identities)
    spec = network.spec
    assert bool(identities) == (
        isinstance(spec, DenseNetSpec | ReversibleSpec | FastSpec | TiramisuSpec)
        or (isinstance(spec, ResNetSpec | UNetSpec) and spec.join != "none")
    )


def test_gradients_reach_every_parameter(network: Network) -> None:
    """A branch closed by a scale of 0 learns from the second step on, once the scale has moved."""
    batch, sleeping = least(network), isinstance(network.spec, ResNetSpec) and network.spec.skip_init
    target = torch.randn_like(network(batch))
    for _ in range(2 if sleeping else 1):
        network.zero_grad()
        (network(batch) * target).sum().backward()
        reached = [(name, tensor.grad) for name, tensor in network.named_parameters()]
        with torch.no_grad():
            for name, tensor in network.named_parameters():
                if name.endswith("scale.by") and tensor.grad is not None:
                    tensor -= tensor.grad.sign() / 10
    idle = [name for name, gradient in reached if gradient is None or not gradient.any()]
    network.zero_grad()
    assert idle == []
    assert all(gradient.isfinite().all() for _, gradient in reached if gradient is not None)


@pytest.mark.parametrize("memory", ["lean", "least"])
def test_with_less_memory_the_gradients_are_the_same(network: Network, memory: Memory) -> None:
    """What is computed again rounds as before; what is undone does not, and is compared in float64."""
    batch = least(network)
    if isinstance(network.spec, ReversibleSpec):
        network.double()
        # In a norm over two or three pixels every rounding grows, and a thousand layers multiply it.
        batch = torch.randn(4, batch.shape[1], 16, 16, dtype=torch.float64)
    found = []
    for run in (network, thrifty(network, memory)):
        torch.manual_seed(0)
        network.zero_grad()
        run(batch).square().sum().backward()
        found.append([parameter.grad for parameter in network.parameters()])
    network.zero_grad()
    network.float()
    for here, there in zip(*found, strict=True):
        assert here is not None and there is not None
        scale = there.abs().max().item()
        torch.testing.assert_close(here, there, rtol=0, atol=1e-5 * scale)


def test_saved_weights_come_back_the_same(network: Network) -> None:
    batch = least(network)
    with torch.no_grad():
        before = network.eval()(batch)
        saved = safetensors.torch.save(network.state_dict())
        for tensor in network.state_dict().values():
            tensor.zero_()
        assert not torch.equal(network(batch), before)
        network.load_state_dict(safetensors.torch.load(saved))
        assert torch.equal(network(batch), before)
    network.train()


@pytest.mark.usefixtures("traceable")
def test_an_exported_program_answers_the_same_for_any_batch(network: Network) -> None:
    spec = network.spec
    network = network.eval()
    side = smallest(spec)
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(
        network, (images(spec, size=(side, side), batch=2),), dynamic_shapes=shapes
    ).module()
    for batch in (1, 2, 5):
        pictures = images(spec, size=(side, side), batch=batch)
        with torch.no_grad():
            torch.testing.assert_close(program(pictures), network(pictures), rtol=0, atol=1e-6)
    network.train()


@pytest.mark.parametrize("name", PRESETS)
def test_one_batch_can_be_learned_by_heart(name: str) -> None:
    """Even a plain net of 110 layers learns four small pictures; that it learns no more is what the lab measures."""
    spec = without_chance(PRESETS[name].spec)
    network = build(spec)
    side = 16 if isinstance(spec, Segmenting) else max(8, smallest(spec))
    pictures = images(spec, size=(side, side))
    labels = (pictures[:, 0] > 0).long() if isinstance(spec, Segmenting) else torch.arange(4) % 2
    optimiser = torch.optim.Adam(network.parameters(), lr=rate(spec))
    for _ in range(300):
        loss = F.cross_entropy(network(pictures), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss < 0.1:
            return
    pytest.fail(f"the loss is still {loss:.3f}")


def without_chance(spec: Spec) -> Spec:
    """Return the spec with two classes and without dropout, a VGG with few hidden units besides."""
    if isinstance(spec, PlainSpec):
        spec = replace(spec, hidden=64)
    if isinstance(spec, PlainSpec | DenseNetSpec | TiramisuSpec):
        spec = replace(spec, dropout=0.0)
    return replace(spec, classes=2)


def rate(spec: Spec) -> float:
    """Return a learning rate of Adam: from a large step a network without shortcuts or norms may not come back."""
    if isinstance(spec, PlainSpec):
        return 0.0003
    return 0.001 if isinstance(spec, UNetSpec) and spec.norm == "none" else 0.003


@pytest.mark.parametrize("name", PRESETS)
def test_wrong_images_are_refused_with_the_remedy(name: str) -> None:
    network, spec = sketch(name), PRESETS[name].spec
    channels, side = spec.in_channels + 1, PRESETS[name].image_size
    with pytest.raises(BadInput, match=f"build it with in_channels={channels}"):
        network(torch.zeros(1, channels, side, side, device="meta"))
    with pytest.raises(BadInput, match=r"\(batch, channels, height, width\).*image\[None\]"):
        network(torch.zeros(spec.in_channels, side, side, device="meta"))
    with pytest.raises(BadInput, match=r"uint8.*Scale pictures of bytes"):
        network(torch.zeros(1, spec.in_channels, side, side, dtype=torch.uint8, device="meta"))
    small = smallest(spec) - 1
    if small:
        with pytest.raises(BadInput, match=f"at least {small + 1} × {small + 1}.*Enlarge them"):
            network(torch.zeros(1, spec.in_channels, small, side, device="meta"))
        with pytest.raises(BadInput, match="Enlarge them"):
            build(name, image_size=small)


@pytest.mark.parametrize("name", PRESETS)
def test_a_name_mistyped_brings_up_the_right_one(name: str) -> None:
    mistyped = name[:2] + name[3:] + "x"
    with pytest.raises(UnknownName, match=f"no network is called '{mistyped}'; the nearest names are .*"):
        build(mistyped)
