"""Weights under other names, recognised and renamed; nothing is left out without being told."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from residua.errors import BadRun, UnknownName
from residua.nets.adapters.names import ours, theirs
from residua.nets.adapters.tables import Conventions, conventions
from residua.nets.build import build
from residua.nets.spec import Spec

OURS: Final = "residua"
WRAPPERS: Final = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name
COUNTER: Final = "num_batches_tracked"
SHOWN: Final = 3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """Weights under our names, and what is known of the project they come from.

    Attributes:
        project: whose names they had; "residua" if they were ours already.
        state: for `load_state_dict` of the network.
        mean: that this project subtracts from each channel of a picture in [0, 1], if it is known.
        std: that it divides each channel by, if it is known.
    """

    project: str
    state: Mapping[str, Tensor]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


def adapt(state: Mapping[str, Tensor], spec: Spec, *, optional: Collection[str] = ()) -> Adapted:
    """Recognise whose weights these are, and give them the names of the network of this spec.

    The batch counters that norms have had since PyTorch 1.0 start at 0 where the weights are older.

    Args:
        state: weights by name.
        spec: of the network.
        optional: names of ours that may be missing.

    Raises:
        BadRun: they do not fit; the message counts and shows the names that match nothing, those missing,
            and the shapes that differ.

    >>> from residua.nets.build import build
    >>> from residua.nets.presets import spec
    >>> network = build("resnet20_cifar")
    >>> theirs = from_ours(network.state_dict(), network.spec, project="torchvision")
    >>> list(theirs)[0], adapt(theirs, spec("resnet20_cifar")).project
    ('conv1.weight', 'torchvision')
    """
    wanted = shapes_of(spec)
    project, renamed, strange = recognise(state, spec, wanted)
    for name in wanted.keys() - renamed.keys():
        if name.endswith(f".{COUNTER}"):
            renamed[name] = torch.tensor(0)
    needed = {name: shape for name, shape in wanted.items() if name in renamed or name not in optional}
    refuse_misfit(renamed, needed, strange=strange, project=project)
    convention = conventions(spec).get(project)
    return Adapted(
        project=project,
        state=renamed,
        mean=convention.mean if convention else None,
        std=convention.std if convention else None,
    )


def shapes_of(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the names and the shapes of the tensors of a network, in their order."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in build(spec).state_dict().items()}


def recognise(
    state: Mapping[str, Tensor], spec: Spec, wanted: Mapping[str, object]
) -> tuple[str, dict[str, Tensor], list[str]]:
    """Return the project whose names these are, the state under our names, and the names that have none of ours."""
    state = unwrapped(state)
    projects = {OURS: None, **conventions(spec)}
    project = max(projects, key=lambda name: known(state, projects[name], wanted))
    return project, *rename(state, projects[project])


def from_ours(state: Mapping[str, Tensor], spec: Spec, *, project: str) -> dict[str, Tensor]:
    """Give weights of ours the names that another project uses for a network of this spec.

    Raises:
        UnknownName: no such project has networks of this family.
        BadRun: the project has no name for some layer of this network; the message shows which.
    """
    known_projects = conventions(spec)
    if project not in known_projects:
        raise UnknownName.among("project with such networks", project, [OURS, *known_projects])
    convention = known_projects[project]
    named = {name: theirs(name, convention.rows) for name in state}
    nameless = [name for name, found in named.items() if found is None]
    if nameless:
        raise BadRun(f"{project} has no name for {some(nameless)}; it has no network of this form")
    return {
        found: as_kernel(name, state[name], convention) for name, found in named.items() if found is not None
    }


def as_kernel(name: str, tensor: Tensor, convention: Conventions) -> Tensor:
    """Return the weights of a linear layer as those of the convolution that another project has in its place.

    >>> as_kernel("fc.weight", torch.zeros(2, 12), Conventions(rows=(), kernels=(("fc", 2),))).shape
    torch.Size([2, 3, 2, 2])
    """
    layer, _, leaf = name.rpartition(".")
    side = dict(convention.kernels).get(layer)
    return tensor if side is None or leaf != "weight" else tensor.reshape(len(tensor), -1, side, side)


def as_matrix(name: str, tensor: Tensor, convention: Conventions) -> Tensor:
    """Return the weights of such a convolution as those of our linear layer."""
    layer, _, leaf = name.rpartition(".")
    return tensor.flatten(1) if layer in dict(convention.kernels) and leaf == "weight" else tensor


def unwrapped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return the state without the prefix that a wrapper around the network put before every name."""
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def known(state: Mapping[str, Tensor], convention: Conventions | None, wanted: Mapping[str, object]) -> int:
    """Return how many of these tensors have a place in the network, read by this convention."""
    renamed, _ = rename(state, convention)
    return len(renamed.keys() & wanted.keys())


def rename(
    state: Mapping[str, Tensor], convention: Conventions | None
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the state under our names, and the names that have none or one already taken."""
    if convention is None:
        return dict(state), []
    renamed: dict[str, Tensor] = {}
    strange: list[str] = []
    for name, tensor in state.items():
        found = ours(name, convention.rows)
        if found is None or found in renamed:
            strange.append(name)
        else:
            renamed[found] = as_matrix(found, tensor, convention)
    return renamed, strange


def refuse_misfit(
    state: Mapping[str, Tensor],
    wanted: Mapping[str, tuple[int, ...]],
    *,
    strange: list[str],
    project: str,
) -> None:
    """Raise `BadRun` unless these are the tensors that the network wants, in name and in shape."""
    strange = [*strange, *(name for name in state if name not in wanted)]
    missing = [name for name in wanted if name not in state]
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    differ = [
        f"{name}: {shapes[name]} in the weights, {shape} in the network"
        for name, shape in wanted.items()
        if name in shapes and shapes[name] != shape
    ]
    faults = {"match nothing here": strange, "are missing": missing, "have another shape": differ}
    found = [f"{len(names)} {fault} ({some(names)})" for fault, names in faults.items() if names]
    if found:
        raise BadRun(
            f"these weights, read with the names of {project}, do not fit this network: {'; '.join(found)}. "
            "Build the network they were trained in, with the same classes and input channels"
        )


def some(names: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
