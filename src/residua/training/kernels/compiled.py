"""The kernels of this folder, compiled once for this processor by the compiler that is here, and kept."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from residua.runs.environment import processor

SOURCE: Final = Path(__file__).with_name("norm_relu.cpp")
COMPILERS: Final = ("c++", "g++", "clang++")
OPTIONS: Final = ("-std=c++17", "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared")


@cache
def kernels() -> ctypes.CDLL | None:
    """Return the compiled kernels; None where there is no compiler that can make them.

    They are compiled at the first call on a machine, in some seconds, and kept in the user's cache folder.
    """
    compiler = next((path for name in compilers() if (path := shutil.which(name))), None)
    if compiler is None or platform.system() != "Linux":
        return None
    try:
        library = folder() / f"norm_relu-{fingerprint(compiler)}.so"
        if not library.exists():
            compile_to(library, compiler)
        return ctypes.CDLL(str(library))
    except (OSError, subprocess.SubprocessError):  # a cache that cannot be written, a compiler without OpenMP
        return None


def compilers() -> tuple[str, ...]:
    """Return the compilers to look for: the one that the environment names, or those of most systems."""
    named = os.environ.get("CXX", "")
    return (named,) if named else COMPILERS


def folder() -> Path:
    """Return where compiled kernels are kept: XDG_CACHE_HOME, or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "residua" / "kernels"


def fingerprint(compiler: str) -> str:
    """Return what a compiled library depends on, as a short name: source, options, compiler and processor."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    parts = (SOURCE.read_bytes(), " ".join(OPTIONS).encode(), version, processor().encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def compile_to(library: Path, compiler: str) -> None:
    """Compile the kernels; another process sees the whole library or none.

    Raises:
        OSError: the folder cannot be written.
        subprocess.SubprocessError: the compiler refuses, or takes longer than two minutes.
    """
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        made = Path(scratch) / library.name
        command = [compiler, *OPTIONS, str(SOURCE), "-o", str(made)]
        subprocess.run(command, capture_output=True, check=True, timeout=120)
        made.replace(library)
