"""The kernels of this folder, compiled once for this processor."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Final

from residua.compiling import compiled

SOURCE: Final = Path(__file__).with_name("norm_relu.cpp")


@cache
def kernels() -> ctypes.CDLL | None:
    """Return the compiled kernels; None where there is no compiler that can make them."""
    return compiled(SOURCE, "-fopenmp")
