"""Weights of other projects: one table of names a family, read in both directions."""

from residua.nets.adapters.adapt import Adapted, adapt, from_ours
from residua.nets.adapters.begin import Beginning, begin
from residua.nets.adapters.files import read_weights

__all__ = [
    "Adapted",
    "Beginning",
    "adapt",
    "begin",
    "from_ours",
    "read_weights",
]
