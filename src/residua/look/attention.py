"""Where in a picture a class is seen."""

import torch
from torch import Tensor, nn

from residua.look.untouched import untouched
from residua.types import Images


def grad_cam(model: nn.Module, images: Images, *, layer: str, classes: Tensor | None = None) -> Tensor:
    """Return for every picture how much each place of a layer speaks for a class: Grad-CAM, between 0 and 1.

    The channels of the layer are weighed by the mean of their gradient and summed; what speaks against the class is
    left out (Selvaraju et al. 2016, arXiv:1610.02391).

    Args:
        model: from pictures to logits, batch × classes; it is left as it was and looked at in evaluation mode.
        images: as the model takes them.
        layer: name of the part whose output is looked at; usually the last before the head.
        classes: one for each picture; the likeliest if not given.

    Returns:
        batch × height × width of the layer.

    >>> from residua.nets.build import build
    >>> grad_cam(build("resnet8_cifar"), torch.rand(2, 3, 32, 32), layer="stage3").shape
    torch.Size([2, 8, 8])
    """
    found: list[Tensor] = []
    hook = model.get_submodule(layer).register_forward_hook(lambda _, inputs, output: found.append(output))
    try:
        with untouched(model), torch.enable_grad():
            model.eval()
            # Where no weight has a gradient of its own, that of the pictures reaches the layer.
            logits = model(images.detach().clone().requires_grad_())
            chosen = logits.argmax(1) if classes is None else classes.to(logits.device)
            score = logits.gather(1, chosen[:, None]).sum()
            (gradient,) = torch.autograd.grad(score, found[0])
    finally:
        hook.remove()
    weighed = (gradient.mean((2, 3), keepdim=True) * found[0].detach()).sum(1).clamp_min(0)
    return weighed / weighed.amax((1, 2), keepdim=True).clamp_min(1e-12)
