"""One network trained by several processes, on one machine or on many, as torchrun starts them.

Every process draws the same order and the same variations, takes its part of each batch, and adds its sums to those
of the others. So the gradient, the statistics of the norms and the scores are those of the whole batch, and the
training is that of one process, whatever the number.
"""

from residua.training.distributed.batch_norm import BatchNormOverRanks, synchronised
from residua.training.distributed.engine import sharded, spread
from residua.training.distributed.ranks import ALONE, Ranks, joined
from residua.training.distributed.restart import launch, restarted
from residua.training.distributed.sums import gathered_gradient, own_gradient
from residua.training.distributed.whole import like, whole

__all__ = [
    "ALONE",
    "BatchNormOverRanks",
    "Ranks",
    "gathered_gradient",
    "joined",
    "launch",
    "like",
    "own_gradient",
    "restarted",
    "sharded",
    "spread",
    "synchronised",
    "whole",
]
