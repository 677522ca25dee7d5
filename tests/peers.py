"""The same networks as other projects define them, for the tests that compare; skipped where not installed."""

from types import ModuleType

import pytest
import torch


def torchvision_models() -> ModuleType:
    """Return torchvision's definitions of networks, or skip the test.

    Its compiled half does not load beside every build of torch. The definitions need only that the names of
    two operators exist.
    """
    pytest.importorskip("torchvision", reason="torchvision is not installed", exc_type=ImportError)
    import torchvision.models

    models: ModuleType = torchvision.models
    return models


def timm() -> ModuleType:
    """Return timm, or skip the test."""
    torchvision_models()
    return pytest.importorskip("timm", reason="timm is not installed", exc_type=ImportError)


OPERATORS = torch.library.Library("torchvision", "FRAGMENT")  # the definitions live as long as this does
for operator in ("nms", "qnms"):
    if not torch._C._dispatch_has_kernel(f"torchvision::{operator}"):
        OPERATORS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
