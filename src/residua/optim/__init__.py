"""How weights move: the optimiser and its groups, the learning rate by step, and the average of the weights."""

from residua.optim.average import Average
from residua.optim.muon import Muon
from residua.optim.optimizer import make_optimizer, split_groups
from residua.optim.schedule import learning_rate

__all__ = ["Average", "Muon", "learning_rate", "make_optimizer", "split_groups"]
