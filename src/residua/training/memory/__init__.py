"""Training with less memory: parts of a network are computed again, or undone, instead of kept.

    plain   ordinary autograd
    lean    the outputs of convolutions are kept; norms, activations, sums and concatenations are computed again, and
            as many of the convolutions that take the least work for each value as bring it to little more than half
    least   as little as can be kept for one more forward pass

The network is not touched: for the time of a forward pass its rows of parts are run by `Thrifty`, so the names of its
weights stay, and a checkpoint of one setting goes on under another.
"""

from residua.training.memory.network import measured_peak, thrifty

__all__ = ["measured_peak", "thrifty"]
