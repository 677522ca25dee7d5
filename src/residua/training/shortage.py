"""A step that does not fit in memory: what does fit, tried on the spot."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Final, get_args

from torch import Tensor

from residua.data import Batch
from residua.data.masks import MaskBatch
from residua.errors import OutOfMemory, ResiduaError, is_shortage
from residua.training.memory import thrifty
from residua.training.processor import release_memory
from residua.training.recipe import Memory, Recipe
from residua.training.step import Stepper

LEAST: Final = 2
"""Pictures of a batch: with one, a batch norm has nothing to compare."""


def add_gradient(stepper: Stepper, batch: Batch | MaskBatch, recipe: Recipe) -> tuple[float, Tensor]:
    """Run a batch forward and backward as the stepper does; after a lack of memory the training is over.

    Raises:
        OutOfMemory: there was not enough; what fits is tried with the network and the optimiser as they are.
        BadBatch: the loss is not finite.
    """
    try:
        return stepper.add_gradient(batch.images, batch.targets)
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
    # Not before here is the error gone, and with it all that the step held.
    raise OutOfMemory(advice(stepper, batch, recipe))


def advice(stepper: Stepper, batch: Batch | MaskBatch, recipe: Recipe) -> str:
    """Return that a step did not fit, and what to do about it."""
    count = len(batch.images)
    memory = "" if recipe.memory == "plain" else f" and --memory {recipe.memory}"
    said = f"a step with {count:,} pictures of {size(batch.images)}{memory} does not fit in memory"
    if stepper.ranks.together:
        return f"{said}; begin again with half of them: --batch-size {max(LEAST, recipe.batch_size // 2)}"
    return f"{said}; {' or '.join(ways(stepper, batch, recipe)) or NONE}"


NONE: Final = f"nor does one with {LEAST}: take a smaller network, or smaller pictures"


def ways(stepper: Stepper, batch: Batch | MaskBatch, recipe: Recipe) -> Iterator[str]:
    """Try whole steps, and give in words those that fit: with fewer pictures, and with less kept for the gradient."""
    count = len(batch.images)
    halves = takewhile(lambda fewer: fewer >= LEAST, (count >> times for times in range(1, count)))
    fewer = next((fewer for fewer in halves if fits(stepper, batch, fewer)), None)
    if fewer is not None:
        # As many pictures a step as before, so that the rest of the recipe still suits them.
        times = -(-count * recipe.accumulate // fewer)
        yield f"begin again with --batch-size {fewer} --accumulate {times}"
    settings = get_args(Memory)
    thriftier = () if recipe.compile else settings[settings.index(recipe.memory) + 1 :]
    memory = next(
        (memory for memory in thriftier if fits(with_memory(stepper, memory, recipe), batch, count)), None
    )
    if memory is not None:
        yield f"with --memory {memory} it does, which `residua resume` takes too"


def fits(stepper: Stepper, batch: Batch | MaskBatch, count: int) -> bool:
    """Take a step of length 0 with the first pictures of a batch; return whether there was memory for it."""
    stepper.optimizer.zero_grad(set_to_none=True)
    release_memory(stepper.device)
    try:
        stepper.add_gradient(batch.images[:count], batch.targets[:count])
        stepper.move(0.0)
    except ResiduaError:  # it went wrong for another reason, but not for lack of memory
        return True
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
        return False
    return True


def with_memory(stepper: Stepper, memory: Memory, recipe: Recipe) -> Stepper:
    """Return the stepper as a training with another memory setting has it."""
    return replace(stepper, forward=thrifty(stepper.model, memory, kernels=recipe.kernels))


def size(images: Tensor) -> str:
    """Return height × width in words."""
    return f"{images.shape[2]} × {images.shape[3]}"
