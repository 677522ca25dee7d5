"""Instruments: a model and a batch in, frozen rows out; the model is left as it was.

rewired         put wrappers on parts for a while: Silent, Bypassed, NoGradient, Scaled, Recorded, Recomputed
untouched       the promise that every instrument keeps, for code of your own
signal          how large the signal is after each part
"""

from residua.look.rewire import Wrapper, rewired
from residua.look.signal import Signal, signal
from residua.look.untouched import buffers_kept, untouched
from residua.look.wrappers import Bypassed, NoGradient, Recomputed, Recorded, Scaled, Silent

__all__ = [
    "Bypassed",
    "NoGradient",
    "Recomputed",
    "Recorded",
    "Scaled",
    "Signal",
    "Silent",
    "Wrapper",
    "buffers_kept",
    "rewired",
    "signal",
    "untouched",
]
