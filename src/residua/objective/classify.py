"""The loss of a classifier."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from residua.types import Logits


def cross_entropy(
    logits: Logits, targets: Tensor, *, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Return the mean cross-entropy of logits against labels, or against shares of each class.

    Args:
        logits: one row a sample, before any softmax.
        targets: labels (batch,) or shares (batch, classes), as mixup makes them.
        smoothing: part of the target spread evenly over all classes (Szegedy et al. 2015, arXiv:1512.00567).
        weights: of the classes.

    >>> import torch
    >>> round(cross_entropy(torch.zeros(4, 10), torch.zeros(4, dtype=torch.long)).item(), 4)
    2.3026
    """
    # In float32 whatever the network ran in: bfloat16 has too few digits for a logarithm of a sum.
    return F.cross_entropy(logits.float(), targets, weight=weights, label_smoothing=smoothing)


def balanced_weights(counts: Sequence[int]) -> Tensor:
    """Return a weight for each class, so that all classes weigh the same; their mean over the samples is 1.

    >>> balanced_weights([10, 30])
    tensor([2.0000, 0.6667])
    """
    found = torch.tensor(counts, dtype=torch.float32)
    return found.sum() / (len(counts) * found.clamp(min=1))
