"""What a batch, the answers to it and its loss are like: numbers only, no judgement."""

from dataclasses import dataclass
from typing import Literal, final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of the batch.

    Attributes:
        shape: samples first.
        finite: no value is infinite or not a number.
        mean: of all values.
        deviation: of all values.
        least: the smallest value.
        most: the largest.
        alike: share of the samples that equal another one whose targets are not the same.
        flat: share of the samples that have one value throughout.
        numbers: they are measured; whole numbers stand for something, as for words.
        directions: samples are rows of length 1, as word frequencies, embeddings and one of many are on purpose.
        agreement: how often samples near to one another have the same label, in deviations over what chance gives;
            None where that cannot be said.
        turned: in which way the masks would lie on the pictures' edges far better, and by how many deviations then;
            None where they would in no other.
        taught: a copy has learned from one half of the batch what holds on the other; None where nobody asked.
        edges: how many deviations the masks' edges lie on the pictures' own edges rather than on those of other
            pictures; None where there are no masks.
    """

    shape: tuple[int, ...]
    finite: bool
    mean: float
    deviation: float
    least: float
    most: float
    alike: float
    flat: float
    numbers: bool
    directions: bool
    agreement: float | None
    edges: float | None
    turned: tuple[str, float] | None
    taught: bool | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What the batch should give.

    Attributes:
        kind: a class a sample, a class a pixel, or numbers.
        shape: samples first.
        least: the smallest value that is not void; 0 if all is void.
        most: the largest.
        classes: how many different values there are.
        void: share of the values that the loss leaves out.
        finite: no value is infinite or not a number.
        refused: some are no class of the network, and the loss does not take them.
        mean: of the values that are not void.
        deviation: of the same.
    """

    kind: Literal["classes", "masks", "numbers"]
    shape: tuple[int, ...]
    least: float
    most: float
    classes: int
    void: float
    finite: bool = True
    refused: bool = False
    mean: float = 0.0
    deviation: float = 0.0

    def beyond(self, outputs: int) -> bool:
        """Return whether some are no class of so many."""
        return self.kind != "numbers" and (self.least < 0 or self.most >= outputs)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What the network gives for the batch.

    Attributes:
        shape: samples first.
        finite: no value is infinite or not a number.
        size: root mean square.
        sums_to_one: they are not negative, and add up to 1 over the classes.
        sums_over_batch: they are not negative, and add up to 1 over the samples.
        unit_interval: all lie between 0 and 1, and one of the last operations sees to it.
        within_one: all lie between -1 and 1 on both sides of 0, and one of the last operations sees to it.
        zeros: share of exact zeros where nothing lies below them, as after a ReLU; 0 otherwise.
        gap: how far the outputs in evaluation mode are from those in training mode, over their size; None if
            the network has no running statistics that were ever updated.
    """

    shape: tuple[int, ...]
    finite: bool
    size: float
    sums_to_one: bool
    sums_over_batch: bool
    unit_interval: bool
    within_one: bool
    zeros: float
    gap: float | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The loss of the batch, and what kind of loss it is, found by asking it.

    Attributes:
        value: of the whole batch.
        softmax: it gives the same when all outputs of a sample grow by the same, so it applies a softmax.
        sigmoid: it costs less at the logits of the labels than at the labels, so it applies a sigmoid.
        rewards_outputs: it falls without end as the output of the right class grows: it needs log-probabilities.
        adds_up: the loss of the batch is the sum of that of its halves, so it grows with the batch.
        crosses: it holds every output against every target, so that their order is all one to it.
        reads_targets: it depends on them; one that compares samples with one another may not.
        falls: it is smaller for right answers than for those of other samples; None where nobody knows.
        right: of right answers; not a number where nobody knows which they are, or the loss says nothing of them.
        wrong: of those of other samples.
        attains: it is smaller for outputs that are the targets than for those given: it wants the same numbers.
        floorless: it is one of classes and falls far below 0 as outputs grow.
        overreached: it has a floor for targets from 0 to 1, and for these it has none.
    """

    value: float
    softmax: bool
    sigmoid: bool
    rewards_outputs: bool
    adds_up: bool
    crosses: bool
    reads_targets: bool
    falls: bool | None
    right: float
    wrong: float
    attains: bool
    floorless: bool
    overreached: bool
