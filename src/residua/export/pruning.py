"""Blocks that are taken out of a residual network for good: which ones, and what is left."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.errors import BadInput
from residua.export.pictures import HeldOut
from residua.look import delete_each
from residua.nets.build import build
from residua.nets.network import Network
from residua.nets.spec import ResNetSpec
from residua.parts import joins
from residua.training.plan import Tell

BLOCK: Final = re.compile(r"stage(\d+)\.(\d+)\.(.*)")


@final
@dataclass(frozen=True, slots=True)
class Pruned:
    """A network without some blocks, and which."""

    network: Network
    removed: tuple[tuple[str, float], ...]


def blocks_to_remove(network: Network, keep: float) -> int:
    """Return how many blocks go.

    Raises:
        BadInput: the network is no residual one, the share is none, or too few blocks can go.
    """
    spec = network.spec
    if not isinstance(spec, ResNetSpec) or spec.join == "none":
        raise BadInput("only blocks of a residual network can be taken out; this one has none")
    if not 0 < keep < 1:
        raise BadInput(f"--keep {keep:g}: it is the share of the blocks that stay, above 0 and below 1")
    count, can = round((1 - keep) * sum(spec.depths)), len(removable(network))
    most = sum(spec.depths) - can
    if not 0 < count <= can:
        raise BadInput(
            f"--keep {keep:g} of {sum(spec.depths)} blocks takes {count} out; {can} can go, because {most} change the "
            "shape of what they carry or are the last of their stage"
        )
    return count


def removable(network: Network) -> list[str]:
    """Return the names of the joins that carry their input as it is, but for one in a stage that has no other block.

    >>> removable(build("resnet14_cifar"))
    ['stage1.0.sum', 'stage2.1.sum', 'stage3.1.sum']
    """
    found = [name for name, join in joins(network) if isinstance(join.shortcut, nn.Identity)]
    assert isinstance(network.spec, ResNetSpec)
    kept: list[str] = []
    for stage, depth in enumerate(network.spec.depths, start=1):
        of_stage = [name for name in found if name.startswith(f"stage{stage}.")]
        kept += of_stage[: depth - 1]
    return kept


def without_the_cheapest(network: Network, seen: HeldOut, count: int, tell: Tell) -> Pruned:
    """Take out so many blocks, each time the one whose silence costs the least."""
    gone: list[tuple[str, float]] = []
    whole = loss_on(seen)(network)
    for number in range(count):
        tell("looking for the block that matters least", number, count)
        names = tuple(name for name, _ in gone)
        left = [
            name
            for name in removable(network)
            if name not in names and not last_of_stage(network, name, names)
        ]
        rows = delete_each(network, loss_on(seen), blocks=[(*names, name) for name in left])
        cheapest = min(rows, key=lambda row: row.score)
        gone.append((cheapest.blocks[-1], cheapest.score - whole))
        whole = cheapest.score
    return Pruned(rebuilt(network, [name for name, _ in gone]), tuple(gone))


def last_of_stage(network: Network, name: str, gone: Sequence[str]) -> bool:
    """Return whether the stage of a block would be empty without it."""
    assert isinstance(network.spec, ResNetSpec)
    stage = name.split(".")[0]
    taken = sum(other.startswith(f"{stage}.") for other in gone)
    return taken + 1 >= network.spec.depths[int(stage.removeprefix("stage")) - 1]


def loss_on(seen: HeldOut) -> Callable[[nn.Module], float]:
    """Return what scores a network by its cross-entropy on some pictures."""

    @torch.inference_mode()
    def loss(model: nn.Module) -> float:
        logits = torch.cat([model.eval()(images) for images in seen.normalised])
        return F.cross_entropy(logits, seen.labels).item()

    return loss


def rebuilt(network: Network, gone: Sequence[str]) -> Network:
    """Return the network without some blocks, its weights under the names of a network that never had them.

    >>> network = rebuilt(build("resnet14_cifar"), ["stage2.1.sum"])
    >>> network.spec.depths
    (2, 1, 2)
    """
    spec = network.spec
    assert isinstance(spec, ResNetSpec)
    taken = {(int(stage), int(block)) for stage, block, _ in (parts(f"{name}.") for name in gone)}
    depths = tuple(
        depth - sum(of == stage for of, _ in taken) for stage, depth in enumerate(spec.depths, start=1)
    )
    state: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if (found := BLOCK.fullmatch(name)) is None:
            state[name] = tensor
            continue
        stage, block = int(found[1]), int(found[2])
        if (stage, block) not in taken:
            place = block - sum(of == stage and other < block for of, other in taken)
            state[f"stage{stage}.{place}.{found[3]}"] = tensor
    smaller = build(msgspec.structs.replace(spec, depths=depths))
    smaller.load_state_dict(state)
    return smaller.eval()


def parts(name: str) -> tuple[str, str, str]:
    """Return stage, block and the rest of the name of something in a block."""
    found = BLOCK.fullmatch(name)
    assert found is not None
    return found[1], found[2], found[3]
