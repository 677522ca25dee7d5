"""How much memory a forward pass keeps for the backward pass."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from residua.look.examples import Examples, Loss
from residua.look.untouched import untouched


def saved_bytes(model: nn.Module, examples: Examples, *, loss: Loss = F.cross_entropy) -> int:
    """Return how many bytes the loss of a batch keeps until its gradient is computed.

    It is what a network needs in training beside its weights and their gradients. Weights and buffers are not
    counted, and what two layers keep together is counted once.

    Args:
        model: any, in the mode that it is in; it is left as it was.
        examples: inputs and targets.
        loss: from outputs and targets to one number.

    >>> def total(outputs, targets):
    ...     return outputs.sum()
    >>> saved_bytes(nn.Linear(3, 2), (torch.ones(5, 3), torch.zeros(5)), loss=total)  # its inputs: 15 floats
    60
    """
    # Copies of their own: a batch that is a view would count all the pictures that it was taken from.
    inputs, targets = (values.detach().clone() for values in examples)
    kept: dict[int, int] = {}
    with untouched(model), torch.enable_grad():
        owned = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}

        def keep(saved: Tensor) -> Tensor:
            storage = saved.untyped_storage()
            if storage.data_ptr() not in owned:
                kept[storage.data_ptr()] = storage.nbytes()
            return saved

        with saved_tensors_hooks(keep, lambda saved: saved):
            loss(model(inputs), targets)
    return sum(kept.values())
