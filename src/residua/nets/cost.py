"""What a network costs: its parameters, and its multiply-adds on one image."""

import math

import torch
from torch import Tensor, nn


def parameters(network: nn.Module) -> int:
    """Return the number of learned numbers.

    >>> parameters(nn.Linear(10, 2))
    22
    """
    return sum(parameter.numel() for parameter in network.parameters())


def macs(network: nn.Module, *, in_channels: int, image_size: int | tuple[int, int]) -> int:
    """Return the multiply-adds of convolutions and linear layers on one image, as papers count them.

    Args:
        network: any; it is run once, on tensors without storage if its own weights have none.
        in_channels: of the image.
        image_size: its side in pixels, or its height and width.

    >>> macs(nn.Conv2d(3, 8, 3, padding=1), in_channels=3, image_size=4)
    3456
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.ConvTranspose2d):  # every input pixel is multiplied by the whole kernel
            total += inputs[0].shape[-2:].numel() * module.weight.numel()
        elif isinstance(module, nn.Conv2d):
            total += output.shape[-2:].numel() * module.weight.numel()
        elif isinstance(module, nn.Linear):
            total += math.prod(output.shape[1:-1]) * module.weight.numel()

    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    was_training = network.training
    try:
        device = next(network.parameters()).device
        with torch.no_grad():
            network.eval()(torch.zeros(1, in_channels, height, width, device=device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return total
