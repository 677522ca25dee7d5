"""The shortest way through any model, in layers with weights, read off the graph of its gradient.

A network with shortcuts is an ensemble of paths, and a gradient travels mostly by the short ones (Veit et al. 2016,
arXiv:1605.06431). How many sums it has says little of that: some blocks have two layers, some six, and some no sum.
"""

from typing import Any, Final

from torch import Tensor

LEAF: Final = "torch::autograd::AccumulateGrad"
"""The node of a parameter, or of the inputs."""
EMBEDDING: Final = "EmbeddingBackward0"
"""The node in which a way from whole numbers begins."""


def shortest_way(given: Tensor | None, inputs: Tensor) -> int | None:
    """Return how many layers with weights the shortest way from the inputs to the answer passes.

    Args:
        given: the answer, with its history.
        inputs: what it was computed from, a leaf; from whole numbers, such as words, the way begins at their embedding.

    Returns:
        The layers; None where the graph leads from the answer to no input.

    >>> import torch
    >>> from torch import nn
    >>> inputs = torch.zeros(4, 2, requires_grad=True)
    >>> shortest_way(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))(inputs), inputs)
    2
    """
    if given is None or given.grad_fn is None:
        return None
    end = given.grad_fn
    least: dict[Any, int | None] = {}
    matrix: dict[Any, bool] = {}  # whether there is a matrix, and no input, behind a node
    for node in nodes_behind(end):
        if node.name() == LEAF:
            least[node] = 0 if node.variable is inputs else None
            matrix[node] = node.variable is not inputs and node.variable.ndim > 1
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
