"""The shortest way through any model, in layers with weights, read off the graph of its gradient.

A network with shortcuts is an ensemble of paths, and a gradient travels mostly by the short ones (Veit et al. 2016,
arXiv:1605.06431). How many sums it has says little of that: some blocks have two layers, some six, and some no sum.
"""

from typing import Any, Final

import torch
from torch import Tensor, nn

from residua.look import answer, untouched
from residua.look.examples import differentiable

SAMPLES: Final = 4
"""As many as a norm needs; the graph is the same for more."""
LEAF: Final = "torch::autograd::AccumulateGrad"
"""The node of a parameter, or of the inputs."""
EMBEDDING: Final = "EmbeddingBackward0"
"""The node in which a way from whole numbers begins."""


def shortest_way(model: nn.Module, inputs: Tensor) -> int | None:
    """Return how many layers with weights the shortest way from the inputs to the answer passes.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        inputs: a batch, samples first; from whole numbers, such as words, the way begins at their embedding.

    Returns:
        The layers; None where the graph leads from the answer to no input.

    >>> shortest_way(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)), torch.zeros(4, 2))
    2
    """
    with untouched(model), torch.enable_grad():
        try:
            leaf = differentiable(inputs[:SAMPLES])
            found = answer(model(leaf))
        except (RuntimeError, ValueError):  # some take no fewer samples than they were made for
            leaf = differentiable(inputs)
            found = answer(model(leaf))
        if found is None or found.grad_fn is None:
            return None
        return _layers_between(found.grad_fn, leaf)


def _layers_between(end: Any, leaf: Tensor) -> int | None:
    """Return the least number of layers with weights between a node of the graph and a leaf."""
    least: dict[Any, int | None] = {}
    matrix: dict[Any, bool] = {}  # whether there is a matrix, and no input, behind a node
    for node in nodes_behind(end):
        if node.name() == LEAF:
            least[node] = 0 if node.variable is leaf else None
            matrix[node] = node.variable is not leaf and node.variable.ndim > 1
            continue
        if node.name() == EMBEDDING:
            least[node], matrix[node] = 1, False
            continue
        before = [child for child, _ in node.next_functions if child is not None]
        ways = [way for child in before if (way := least[child]) is not None]
        weighted = any(matrix[child] for child in before)
        least[node] = min(ways) + weighted if ways else None
        matrix[node] = not ways and weighted
    return least[end]


def nodes_behind(end: Any) -> list[Any]:
    """Return a node of the graph and those behind it, each after those that it depends on."""
    order: list[Any] = []
    seen: set[Any] = set()
    waiting = [(end, False)]
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting += [(child, False) for child, _ in node.next_functions if child is not None]
    return order
