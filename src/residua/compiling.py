"""C++ of our own, compiled once for this processor by the compiler that is here, and kept."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

COMPILERS: Final = ("c++", "g++", "clang++")
OPTIONS: Final = ("-std=c++17", "-O3", "-march=native", "-fPIC", "-shared")


def compiled(source: Path, *options: str) -> ctypes.CDLL | None:
    """Return the library of a source; None where there is no compiler that can make it.

    It is compiled at the first call on a machine, in some seconds, and kept in the user's cache folder.

    Args:
        source: one file of C++ that needs no header but the standard ones.
        options: of the compiler, beside those that every source gets.
    """
    compiler = next((path for name in compilers() if (path := shutil.which(name))), None)
    if compiler is None or platform.system() != "Linux":
        return None
    try:
        library = folder() / f"{source.stem}-{fingerprint(compiler, source, options)}.so"
        if not library.exists():
            compile_to(library, [compiler, *OPTIONS, *options, str(source)])
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


def fingerprint(compiler: str, source: Path, options: tuple[str, ...]) -> str:
    """Return what a compiled library depends on, as a short name: source, options, compiler and processor."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    parts = (source.read_bytes(), " ".join((*OPTIONS, *options)).encode(), version, processor().encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def compile_to(library: Path, command: list[str]) -> None:
    """Compile a library; another process sees the whole of it or nothing.

    Raises:
        OSError: the folder cannot be written.
        subprocess.SubprocessError: the compiler refuses, or takes longer than two minutes.
    """
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        made = Path(scratch) / library.name
        subprocess.run([*command, "-o", str(made)], capture_output=True, check=True, timeout=120)
        made.replace(library)


def processor() -> str:
    """Return the name of the processor."""
    names = Path("/proc/cpuinfo")
    if names.exists():
        for line in names.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
