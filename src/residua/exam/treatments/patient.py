"""What a treatment works on: copies, never the user's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import nn

from residua.exam.observation import Observation
from residua.look import Examples, Loss


@final
@dataclass(slots=True)
class Patient:
    """A copy of a model under treatment; a treatment changes it in place or puts another model in its place.

    Attributes:
        model: the copy.
        optimizer: a copy that moves the copy of the model; None without one.
        batch: inputs and targets.
        loss: from outputs and targets to one number.
        seen: what the exam observed of the model before this treatment.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer | None
    batch: Examples
    loss: Loss
    seen: Observation

    def adopt(self) -> None:
        """Let the optimiser move every parameter that asks for a gradient, those that are new among them."""
        if self.optimizer is None:
            return
        known = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        new = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad and id(p) not in known]
        if new:
            named = "param_names" in self.optimizer.param_groups[0]
            self.optimizer.add_param_group({"params": new if named else [p for _, p in new]})

    def put(self, name: str, part: nn.Module) -> None:
        """Put another module in place of the named one; the empty name is the model itself."""
        if not name:
            self.model = part
            return
        above, _, leaf = name.rpartition(".")
        setattr(self.model.get_submodule(above), leaf, part)


Treatment = Callable[[Patient], str | None]
"""It changes the patient and says what it did in words, or gives None where it does not apply."""
