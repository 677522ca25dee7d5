"""Weights to begin another training from: what does not fit the new task is made to, or begun anew, and said."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from torch import Tensor

from residua.errors import BadRun
from residua.nets.adapters.adapt import adapt, known, recognise, shapes_of, some, unwrapped
from residua.nets.adapters.tables import encoder_places
from residua.nets.build import resized
from residua.nets.spec import ResNetSpec, Spec, UNetSpec

HEAD: Final = ("head.linear.weight", "head.linear.bias", "head.weight", "head.bias")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Where a training begins.

    Attributes:
        project: whose names the weights had.
        state: under our names, for the network as it will be; what is `fresh` is not in it.
        fresh: tensors that keep the values they are built with.
        mean: subtracted from each channel of a picture in [0, 1] where the weights come from, if it is known.
        std: that each channel was divided by.
        said: what was done to make them fit, in sentences.
    """

    project: str
    state: Mapping[str, Tensor]
    fresh: tuple[str, ...]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    said: tuple[str, ...]


def begin(state: Mapping[str, Tensor], spec: Spec, *, new_head: bool = False) -> Beginning:
    """Fit weights to a network that may have other classes, other input channels, or a U around an encoder.

    The weights must be those of the whole network otherwise: a name that matches nothing or another shape is an error.

    Args:
        state: weights under our names or those of a project that we know.
        spec: of the network that begins with them.
        new_head: begin the last layer anew even if it has as many outputs, because they mean something else.

    Raises:
        BadRun: they are of another network; the message lists what does not fit.

    >>> from residua.nets.build import build
    >>> from residua.nets.presets import spec
    >>> weights = build("resnet20_cifar").state_dict()
    >>> start = begin(weights, resized(spec("resnet20_cifar"), classes=3, in_channels=1))
    >>> start.fresh
    ('head.linear.weight', 'head.linear.bias')
    >>> start.said
    ('the head is new: 3 outputs, where the weights have 10', '1 input channel: the kernels of 3 are summed')
    """
    if isinstance(spec, UNetSpec) and spec.encoder is not None and is_encoder(state, spec, spec.encoder):
        return begin_encoder(state, spec, spec.encoder)
    wanted = shapes_of(spec)
    head = [name for name in wanted if name in HEAD]
    whole, had = spec_of_weights(state, spec)
    adapted = adapt(state, whole, optional=head)
    fitted = dict(adapted.state)
    said: list[str] = []
    renewed = new_head or had != spec.classes
    if renewed:
        fitted = {name: tensor for name, tensor in fitted.items() if name not in head}
        other = {None: "none", spec.classes: "as many, of other classes"}.get(had, str(had))
        said.append(f"the head is new: {spec.classes} outputs, where the weights have {other}")
    said += refit_input(fitted, next(iter(wanted)), spec.in_channels)
    mean, std = adapted.mean, adapted.std
    if mean and std and len(mean) != spec.in_channels:
        mean, std = ((sum(of) / len(of),) * spec.in_channels for of in (mean, std))
    return Beginning(
        project=adapted.project,
        state=fitted,
        fresh=tuple(head) if renewed else (),
        mean=mean,
        std=std,
        said=tuple(said),
    )


def spec_of_weights(state: Mapping[str, Tensor], spec: Spec) -> tuple[Spec, int | None]:
    """Return the spec with the classes and input channels that weights have, and the classes; None without a head.

    >>> from residua.nets.build import build
    >>> from residua.nets.presets import spec
    >>> spec_of_weights(build("resnet20_cifar", classes=3).state_dict(), spec("resnet20_cifar"))[1]
    3
    """
    wanted = shapes_of(spec)
    _, found, _ = recognise(state, spec, wanted)
    first = found.get(next(iter(wanted)))
    last = next((found[name] for name in HEAD if name in found), None)
    classes = None if last is None else len(last)
    channels = None if first is None or first.ndim != 4 else first.shape[1]
    return resized(spec, classes=classes, in_channels=channels), classes


def refit_input(fitted: dict[str, Tensor], first: str, channels: int) -> list[str]:
    """Give the first convolution another number of input channels, in place; return what was done.

    Three channels are summed into one, which is what a grey picture repeated three times would have met. Otherwise
    the kernels are repeated, and scaled so that the sums stay as large.
    """
    kernel = fitted[first]
    had = kernel.shape[1]
    if had == channels:
        return []
    count = f"{channels} input channel{'s' if channels > 1 else ''}"
    if channels == 1:
        fitted[first] = kernel.sum(1, keepdim=True)
        return [f"{count}: the kernels of {had} are summed"]
    repeated = kernel.repeat(1, math.ceil(channels / had), 1, 1)[:, :channels]
    fitted[first] = repeated * (had / channels)
    return [f"{count}: the kernels of {had} are repeated and scaled by {had}/{channels}"]


def is_encoder(state: Mapping[str, Tensor], spec: UNetSpec, encoder: ResNetSpec) -> bool:
    """Return whether weights are rather those of the encoder alone than of the whole U-Net."""
    shapes = shapes_of(encoder)
    _, found, _ = recognise(state, encoder, shapes)
    return len(found.keys() & shapes.keys()) > known(unwrapped(state), None, shapes_of(spec))


def begin_encoder(state: Mapping[str, Tensor], spec: UNetSpec, encoder: ResNetSpec) -> Beginning:
    """Put the weights of a classifier into the way down of a U-Net; the way up and the head are begun anew."""
    start = begin(state, encoder, new_head=True)
    places = encoder_places(spec, encoder)
    placed: dict[str, Tensor] = {}
    for name, tensor in start.state.items():
        there, here = next((pair for pair in places if name.startswith(pair[0])), ("", ""))
        placed[here + name.removeprefix(there)] = tensor
    wanted = shapes_of(spec)
    if strange := sorted(placed.keys() - wanted.keys()):
        raise BadRun(f"the encoder of this U-Net has no place for {some(strange)}")
    fresh = tuple(name for name in wanted if name not in placed)
    said = (
        f"{len(placed)} tensors are the encoder's; the way up and the head are new",
        *(sentence for sentence in start.said if "head" not in sentence),
    )
    return Beginning(
        project=start.project, state=placed, fresh=fresh, mean=start.mean, std=start.std, said=said
    )


def new_parts(spec: Spec) -> tuple[str, ...]:
    """Return the tensors that weights from another task do not bring: the head, and the way up from an encoder.

    >>> from residua.nets.presets import spec
    >>> new_parts(spec("resnet18"))
    ('head.linear.weight', 'head.linear.bias')
    """
    wanted = shapes_of(spec)
    if isinstance(spec, UNetSpec) and spec.encoder is not None:
        kept = tuple(here for _, here in encoder_places(spec, spec.encoder))
        return tuple(name for name in wanted if not name.startswith(kept))
    return tuple(name for name in wanted if name in HEAD)
