"""Who reads what in a dense block: the weights that each layer puts on what each earlier one gave.

Huang et al. 2016, "Densely connected convolutional networks" (arXiv:1608.06993), figure 5.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import final

from torch import Tensor, nn

from residua.parts import Concat

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@final
@dataclass(frozen=True, slots=True)
class ReuseRow:
    """What one layer makes of one of the sources that it reads.

    Attributes:
        block: name of the dense block.
        reader: name of the layer that reads: the first of each `Concat`, and the first after the block.
        place: of the reader, 1 for the first layer of the block; it can read as many sources.
        source: 0 for what came into the block, k for what its k-th layer gave.
        weight: mean absolute weight on the channels of that source.
        relative: that, over the reader's weight on the source that it reads most.
    """

    block: str
    reader: str
    place: int
    source: int
    weight: float
    relative: float


def reuse(model: nn.Module) -> tuple[ReuseRow, ...]:
    """Read from the weights what each layer of each dense block takes from each layer before it.

    A dense block is a chain of nothing but `Concat`; a model without one has no rows. A layer that does not
    take the channels as they come, because it is grouped or stands behind flattened pixels, has none either.
    Only weights are read: a batch norm before a layer has made all its channels of one size, but for its scale.

    Args:
        model: made of parts; nothing runs.

    >>> import torch
    >>> layer = nn.Linear(2, 1)
    >>> _ = layer.weight.data.copy_(torch.tensor([[3.0, -1.0]]))
    >>> model = nn.Sequential(nn.Sequential(Concat(nn.Linear(1, 1)), Concat(layer)))
    >>> [(row.reader, row.source, row.weight) for row in reuse(model)][1:]
    [('0.1.branch', 0, 3.0), ('0.1.branch', 1, 1.0)]
    """
    weights = {name: part.weight.detach() for name, part in model.named_modules() if isinstance(part, LAYERS)}
    rows: list[ReuseRow] = []
    for name, part in model.named_modules():
        inner = dict(part.named_children())
        if inner and all(isinstance(one, Concat) for one in inner.values()):
            start = f"{name}." if name else ""
            rows.extend(block_rows(name, [f"{start}{place}." for place in inner], weights))
    return tuple(rows)


def block_rows(block: str, starts: Sequence[str], weights: Mapping[str, Tensor]) -> Iterator[ReuseRow]:
    """Walk the rows of one dense block.

    Args:
        block: its name.
        starts: how the names of the layers within each of its joins begin.
        weights: of all layers of the model by name, in the order in which it defines them.
    """
    names = list(weights)
    within = [[name for name in names if name.startswith(start)] for start in starts]
    if not all(within):
        return
    after = names[names.index(within[-1][-1]) + 1 :][:1]
    sizes = [weights[within[0][0]].shape[1], *(len(weights[layers[-1]]) for layers in within)]
    for place, reader in enumerate([layers[0] for layers in within] + after, start=1):
        read = sizes[:place]
        if weights[reader].shape[1] != sum(read):
            continue
        channels = weights[reader].double().abs().transpose(0, 1).flatten(1).mean(1)
        means = [
            channels[end - size : end].mean().item() for size, end in zip(read, accumulate(read), strict=True)
        ]
        for source, mean in enumerate(means):
            yield ReuseRow(block, reader, place, source, mean, mean / max(means) if max(means) else 0.0)
