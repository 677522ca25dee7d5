"""What may keep a network from training, one rule a fault, in seven files by where it lies.

A rule reads an observation and names what it finds, with the numbers that say so. It looks at nothing else, so
it can be read, tested and doubted alone. Each threshold stands beside its rule, with what it means.
"""

from residua.exam.rules.table import RULES

__all__ = ["RULES"]
