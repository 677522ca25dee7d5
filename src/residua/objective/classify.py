"""The loss of a classifier."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from residua.objective.total import Total
from residua.types import Logits


def cross_entropy(
    logits: Logits,
    targets: Tensor,
    *,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    total: Total | None = None,
) -> Tensor:
    """Return the mean cross-entropy of logits against labels, or against shares of each class.

    Args:
        logits: one row a sample, before any softmax.
        targets: labels (batch,) or shares (batch, classes), as mixup makes them.
        smoothing: part of the target spread evenly over all classes (Szegedy et al. 2015, arXiv:1512.00567).
        weights: of the classes.
        total: adds up the parts of a batch; None where this is all of it.

    >>> import torch
    >>> round(cross_entropy(torch.zeros(4, 10), torch.zeros(4, dtype=torch.long)).item(), 4)
    2.3026
    """
    # In float32 whatever the network ran in: bfloat16 has too few digits for a logarithm of a sum.
    if total is None:
        return F.cross_entropy(logits.float(), targets, weight=weights, label_smoothing=smoothing)
    # Divided here instead of in PyTorch, which sees one part; the last digits of the two may differ.
    summed = F.cross_entropy(
        logits.float(), targets, weight=weights, label_smoothing=smoothing, reduction="sum"
    )
    # PyTorch divides shares of classes by the number of samples, and labels by the sum of their weights.
    counts = torch.ones(len(targets), device=logits.device)
    if weights is not None and targets.ndim == 1:
        counts = weights[targets]
    return total(summed) / total(counts.sum())


def balanced_weights(counts: Sequence[int]) -> Tensor:
    """Return a weight for each class, so that all classes weigh the same; their mean over the samples is 1.

    >>> balanced_weights([10, 30])
    tensor([2.0000, 0.6667])
    """
    found = torch.tensor(counts, dtype=torch.float32)
    return found.sum() / (len(counts) * found.clamp(min=1))
