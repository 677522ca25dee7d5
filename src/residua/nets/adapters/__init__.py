"""Weights of other projects: one table of names a family, read in both directions."""

from residua.nets.adapters.adapt import Adapted, adapt, from_ours
from residua.nets.adapters.begin import Beginning, begin, new_parts, spec_of_weights
from residua.nets.adapters.files import read_weights

__all__ = [
    "Adapted",
    "Beginning",
    "adapt",
    "begin",
    "from_ours",
    "new_parts",
    "read_weights",
    "spec_of_weights",
]
