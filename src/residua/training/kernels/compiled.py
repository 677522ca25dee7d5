"""The kernels of this folder, compiled once for this processor."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Final

from residua.compiling import compiled, instructions

NORMS: Final = Path(__file__).with_name("norm_relu.cpp")
POOLS: Final = Path(__file__).with_name("max_pool.cpp")
WEIGHT_GRADIENT: Final = Path(__file__).with_name("weight_gradient.cpp")


@cache
def kernels() -> ctypes.CDLL | None:
    """Return the compiled kernels for norms; None where there is no compiler that can make them."""
    return compiled(NORMS, "-fopenmp")


@cache
def pools() -> ctypes.CDLL | None:
    """Return the compiled kernels for pooling; None where there is no compiler that can make them."""
    return compiled(POOLS, "-fopenmp")


@cache
def tiles() -> ctypes.CDLL | None:
    """Return the compiled kernel for weights; None where processor, system or compiler have no tiles (AMX)."""
    if "amx_bf16" not in instructions():
        return None
    library = compiled(WEIGHT_GRADIENT, "-fopenmp")
    return library if library is not None and library.may_use_tiles() else None
