"""All rules, in one literal table."""

from typing import Final

from residua.exam.cause import Rule
from residua.exam.rules import gradient, inputs, labels, normalisation, optimisation, signal, wiring

RULES: Final[tuple[Rule, ...]] = (
    *inputs.RULES,
    *labels.RULES,
    *optimisation.RULES,
    *wiring.RULES,
    *normalisation.RULES,
    *signal.RULES,
    *gradient.RULES,
)
"""In the order in which a fault explains those after it: constant inputs make samples collapse, say."""
