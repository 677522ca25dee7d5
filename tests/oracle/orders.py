"""The five residual units of He et al. 2016, figure 4, written out call by call.

Each function takes what the figure shows arriving from above and returns what leaves below. `weights` are the
convolutions of the unit from top to bottom; a norm is that of training, fresh from its start (gamma 1, beta 0).
"""

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor


def conv(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, padding=weight.shape[-1] // 2)


def norm(x: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, training=True)


def original(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    y = conv(x, first)
    y = norm(y)
    y = F.relu(y)
    y = conv(y, second)
    y = norm(y)
    return F.relu(x + y)


def norm_after_sum(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    y = conv(x, first)
    y = norm(y)
    y = F.relu(y)
    y = conv(y, second)
    return F.relu(norm(x + y))


def relu_before_sum(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    y = conv(x, first)
    y = norm(y)
    y = F.relu(y)
    y = conv(y, second)
    y = norm(y)
    y = F.relu(y)
    return x + y


def relu_preact(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    y = F.relu(x)
    y = conv(y, first)
    y = norm(y)
    y = F.relu(y)
    y = conv(y, second)
    y = norm(y)
    return x + y


def full_preact(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    y = norm(x)
    y = F.relu(y)
    y = conv(y, first)
    y = norm(y)
    y = F.relu(y)
    y = conv(y, second)
    return x + y


FIGURE_4: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "original": original,
    "norm_after_sum": norm_after_sum,
    "relu_before_sum": relu_before_sum,
    "relu_preact": relu_preact,
    "full_preact": full_preact,
}
