"""One step: forward, loss, backward, clip, move."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from residua.look import Loss
from residua.training.distributed import ALONE, Ranks
from residua.training.diverged import (
    PICTURES,
    BadBatch,
    first_gradient_not_finite,
    first_not_finite,
    first_of,
    rows_not_finite,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stepper:
    """How a step is taken; everything here stays the same over a training.

    Attributes:
        model: whose weights move.
        forward: the model itself, its compiled form, one that keeps less, or one that shares its gradient with other
            processes.
        optimizer: that moves them.
        device: of the weights.
        amp: bfloat16 in the forward pass.
        channels_last: memory layout of the pictures.
        loss: from logits and targets to one number.
        clip: longest gradient norm; 0 for none.
        accumulate: batches a step.
        ranks: the processes that take this step together, each with a part of the batch.
        spares: put back what a batch did to running statistics if it turns out bad, to go on after it.
    """

    model: nn.Module
    forward: Callable[[Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    device: torch.device
    amp: bool
    channels_last: bool
    loss: Loss
    clip: float = 0.0
    accumulate: int = 1
    ranks: Ranks = ALONE
    spares: bool = False

    def to_device(self, images: Tensor) -> Tensor:
        """Return the pictures where and how the model wants them."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return images.to(self.device, memory_format=layout, non_blocking=True)

    def add_gradient(self, images: Tensor, targets: Tensor) -> tuple[float, Tensor]:
        """Run one batch forward and backward; return its loss, over all processes, and the logits of this one's part.

        Raises:
            BadBatch: the loss is not finite; no weight has moved.
        """
        images, targets = self.to_device(images), targets.to(self.device, non_blocking=True)
        before = [buffer.clone() for buffer in self.model.buffers()] if self.spares else []
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
            logits = self.forward(images)
        loss = self.loss(logits, targets)
        value = loss.item()
        if value != value or value in (float("inf"), float("-inf")):
            place = first_of(self.ranks.gathered(first_not_finite(self.model, images)))
            for buffer, kept in zip(self.model.buffers(), before, strict=False):
                buffer.copy_(kept)
            raise BadBatch(
                f"the loss is {value}; the first that is not finite: {place}",
                rows=rows_not_finite(images, logits),
                pictures=place == PICTURES,
            )
        # Between processes PyTorch takes the mean of the gradients; that of the whole batch is their sum.
        torch.autograd.backward(loss * self.ranks.size / self.accumulate)
        return value, logits.detach()

    def move(self, lr: float) -> float:
        """Clip the gradient, move the weights, clear the gradient; return its norm before clipping.

        Raises:
            BadBatch: the gradient is not finite; no weight has moved, and the gradient is cleared.
        """
        learned = [parameter for parameter in self.model.parameters() if parameter.grad is not None]
        whole = nn.utils.get_total_norm(
            [parameter.grad for parameter in learned if parameter.grad is not None]
        )
        norm = whole.item()
        if not norm < float("inf"):
            place = first_gradient_not_finite(self.model)
            self.optimizer.zero_grad(set_to_none=True)
            raise BadBatch(
                f"the gradient's norm is {norm}; the first that is not finite, from the output: {place}"
            )
        if 0 < self.clip < norm:  # else it would be a pass over all of them for nothing
            nn.utils.clip_grads_with_norm_(learned, self.clip, whole)
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["share"]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm
