"""Residua: build residual networks, train them on your own images, and see why they train.

Names are loaded when they are used, so that the command line can list its verbs without PyTorch.

>>> import residua
>>> residua.build("resnet20_cifar", classes=5).spec.classes
5
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from residua.exam import examine, heal, watch
    from residua.nets.build import build
    from residua.nets.presets import PRESETS, spec
    from residua.nets.spec import (
        DenseNetSpec,
        FastSpec,
        PlainSpec,
        ResNetSpec,
        ReversibleSpec,
        TiramisuSpec,
        UNetSpec,
    )
    from residua.runs import load_model
    from residua.training import Settings, evaluate, predict, resume, train

__all__ = [
    "PRESETS",
    "DenseNetSpec",
    "FastSpec",
    "PlainSpec",
    "ResNetSpec",
    "ReversibleSpec",
    "Settings",
    "TiramisuSpec",
    "UNetSpec",
    "build",
    "evaluate",
    "examine",
    "heal",
    "load_model",
    "predict",
    "resume",
    "spec",
    "train",
    "watch",
]

_HOMES: Final = {
    "PRESETS": "residua.nets.presets",
    "DenseNetSpec": "residua.nets.spec",
    "FastSpec": "residua.nets.spec",
    "PlainSpec": "residua.nets.spec",
    "ResNetSpec": "residua.nets.spec",
    "ReversibleSpec": "residua.nets.spec",
    "Settings": "residua.training",
    "TiramisuSpec": "residua.nets.spec",
    "UNetSpec": "residua.nets.spec",
    "build": "residua.nets.build",
    "evaluate": "residua.training",
    "examine": "residua.exam",
    "heal": "residua.exam",
    "load_model": "residua.runs",
    "predict": "residua.training",
    "resume": "residua.training",
    "spec": "residua.nets.presets",
    "train": "residua.training",
    "watch": "residua.exam",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'residua' has no name '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
