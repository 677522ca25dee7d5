"""The third look, at a training while it runs: its rates, its gradients, and how far the weights move.

`watch` hangs on anybody's loop; each of the others follows one thing and says what is odd about it.
"""

from residua.exam.watching.watch import Watch, watch

__all__ = ["Watch", "watch"]
