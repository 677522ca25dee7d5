"""What one look at a network, its batch, its loss and its optimiser has found: numbers only, no judgement."""

import math
from dataclasses import dataclass
from typing import final

from residua.exam.described import Inputs, Losses, Outputs, Targets
from residua.look import Coherence

ADAPTIVE = (
    "Adam",
    "AdamW",
    "NAdam",
    "RAdam",
    "Adamax",
    "RMSprop",
    "Adagrad",
    "SparseAdam",
    "Adam8bit",
    "AdamW8bit",
)
"""Optimisers whose steps are as long for a gradient of any size, and about as long as their rate says."""
SCALE_FREE = (*ADAPTIVE, "Adadelta", "Adafactor", "Lion", "Muon", "Lamb", "LAMB")
"""Those and others whose steps are as long for a gradient of any size."""
USUAL_PLACES = 32**2
"""Of the largest pictures of the trainings that set the weights of the verdict."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer or join, in the order of the run.

    Attributes:
        name: in the model.
        kind: its class.
        weighted: it holds a matrix or kernels.
        join: it is a fork of ours that meets again.
        second_moment: mean square of what leaves it.
        unit_variance: variance over the batch of each unit of it.
        zeros: share of exact zeros.
        saturated: share of the values at either end of a tanh or a sigmoid; None for other layers.
        rank: effective rank over the samples, from 0 to 1; None where it could not be measured.
        similarity: to the inputs, from 0 to 1; None as above.
        spread: share of the second moment that differs between samples; None as above.
        gradient: mean square of the gradient of the loss there; None where none arrives.
        places: of a picture in which a convolution gives something; 1 for other layers.
        drops: share of what it is given that it sets to 0 on purpose, as a dropout does.
        pull: norm of the gradient of its weights times their own; how much the loss would change with the weights
            in proportion. None where it has none.
    """

    name: str
    kind: str
    weighted: bool
    join: bool
    second_moment: float
    unit_variance: float
    zeros: float
    saturated: float | None
    rank: float | None
    similarity: float | None
    spread: float | None
    gradient: float | None
    places: int
    drops: float
    pull: float | None

    @property
    def gradient_of_usual_places(self) -> float:
        """The mean square of the gradient, as it would be if pictures were no larger than `USUAL_PLACES`.

        A mean over all places, as before most heads, divides the gradient of each by their number.
        """
        return (self.gradient or 0.0) * max(1.0, self.places / USUAL_PLACES) ** 2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One parameter.

    Attributes:
        name: in the model.
        count: of its numbers.
        matrix: it has more than one dimension.
        trainable: it asks for a gradient.
        optimised: the optimiser moves it; None without an optimiser.
        reached: the loss depends on it.
        size: root mean square of the weights.
        gradient: root mean square of their gradient.
        drawn: its numbers lie as PyTorch draws those of a new layer, between two bounds and equally often.
        new: so they lie, or as others draw them, normally.
        even: it is a matrix whose units are all the same, as of zeros or of one number.
        gain: deviation times the root of the fan-in: 1.41 after He, 1 after Glorot, 0.58 as PyTorch has it.
    """

    name: str
    count: int
    matrix: bool
    trainable: bool
    optimised: bool | None
    reached: bool
    drawn: bool
    new: bool
    even: bool
    size: float
    gradient: float
    gain: float | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """One normalisation over the batch.

    Attributes:
        name: in the model.
        training: it uses the batch.
        momentum: of its running statistics; None for their plain mean.
        seen: batches in its running statistics; None where it keeps none.
        fresh: they are those of the start.
        finite: its running statistics are, and no variance is negative.
        values: how many each channel has in this batch; 0 if it did not run.
    """

    name: str
    training: bool
    momentum: float | None
    seen: int | None
    fresh: bool
    finite: bool
    values: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """How values flow, as far as it can go wrong unseen.

    Attributes:
        rewritten: layers that work in place, or modules that call what does, in a network whose outputs change when
            none does.
        broadcast: sums of two legs whose shapes differ, each as a sentence.
        sums: additions of two legs.
        shortest: layers with weights on the shortest way from the inputs to the answer; None where none is found.
        shared: how many of the weighted layers are called more than once.
        uncalled: modules that did not run.
        unchosen: those of them beside which, in one list, others of their kind did.
    """

    rewritten: tuple[str, ...]
    broadcast: tuple[str, ...]
    sums: int
    shortest: int | None
    shared: int
    uncalled: frozenset[str]
    unchosen: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Optimisation:
    """The optimiser as it is set.

    Attributes:
        kind: its class.
        lr: the largest learning rate of its groups.
        least_lr: the smallest.
        momentum: the largest; the first beta of Adam.
        weight_decay: the largest.
        epsilon: what stands under the fraction beside the gradient; 0 where there is no fraction.
        decoupled: decay is no part of the gradient, where it usually is.
        foreign: parameters that it moves and that are not the model's.
        ends: turns of its schedule after which rates are next to nothing for good; None where that is not at once.
        climbs: it makes what it is given as large as it can.
    """

    kind: str
    lr: float
    least_lr: float
    momentum: float
    weight_decay: float
    epsilon: float
    decoupled: bool
    foreign: int
    ends: int | None
    climbs: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStep:
    """How much one step learns by looking, the better of two.

    Attributes:
        saves: of the loss of the best answer that looks at nothing, the share that the answers after the step save.
        blind: the loss of that best answer.
        could_save: the share that these, or what has changed in them, would save if their mean were that best answer
            and they lay nearer together or further apart: where answers lie and how sure they are is soon learned.
            Further apart counts less.
    """

    saves: float
    could_save: float
    blind: float = math.nan


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that the still exam has seen.

    Attributes:
        coherence: None where there is no gradient to follow.
        first_step: nothing where there is no gradient to follow.
        arriving: mean and deviation of what the first layer with weights is given; None where it is no float.
        own_step: by how much one step of the optimiser, at its own rate, changes the loss of its batch, over that loss;
            None where there is no optimiser, or no telling.
        failure: what PyTorch says where it computes no gradient of a loss that is there; None where it does.
    """

    training: bool
    samples: int
    inputs: Inputs
    targets: Targets
    outputs: Outputs
    loss: Losses
    layers: tuple[Layer, ...]
    weights: tuple[Weight, ...]
    norms: tuple[Norm, ...]
    wiring: Wiring
    coherence: Coherence | None
    first_step: FirstStep
    own_step: float | None
    failure: str | None
    arriving: tuple[float, float] | None
    optimisation: Optimisation | None

    @property
    def depth(self) -> int:
        """Weighted layers on the way from input to output, in the order of the run."""
        return sum(layer.weighted for layer in self.layers)

    @property
    def weighted(self) -> tuple[Layer, ...]:
        """The layers that hold a matrix or kernels."""
        return tuple(layer for layer in self.layers if layer.weighted)
