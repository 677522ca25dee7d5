"""The learning rate as a function of the step: nothing to save, nothing to get out of step."""

import math


def learning_rate(step: int, *, steps: int, peak: float, warmup: float) -> float:
    """Return the learning rate of one step: a line up to `peak`, then half a cosine down to 0.

    The cosine is Loshchilov & Hutter 2016 (arXiv:1608.03983) without restarts.

    Args:
        step: counted from 0.
        steps: of the whole training.
        peak: the highest rate.
        warmup: share of the steps that lead up to it.

    >>> [round(learning_rate(step, steps=10, peak=1.0, warmup=0.2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    rising = round(warmup * steps)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2
