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
CPUINFO: Final = Path("/proc/cpuinfo")
WIDEST: Final = {
    "amx_bf16": "AMX",
    "avx512_bf16": "AVX-512 with bfloat16",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
    "asimd": "NEON",
}
"""Sets of instructions by the name that Linux gives them, the widest first."""
OPTIONS: Final = ("-std=c++17", "-O3", "-march=native", "-fPIC", "-shared")


def compiled(source: Path, *options: str) -> ctypes.CDLL | None:
    """Return the library of a source; None where there is no compiler that can make it.

    It is compiled at the first call on a machine, in some seconds, and kept in the user's cache folder.

    Args:
        source: one file of C++ that needs no header but the standard ones and those beside it.
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
    """Return what a compiled library depends on, as a short name: sources, options, compiler and processor."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    machine = " ".join((processor(), *sorted(instructions())))
    sources = [path.read_bytes() for path in (source, *sorted(source.parent.glob("*.h")))]
    parts = (*sources, " ".join((*OPTIONS, *options)).encode(), version, machine.encode())
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
    """Return the name of the processor, with the widest of its instructions that computing here rests on.

    Virtual machines go by one name on processors of many kinds, so the name alone does not tell them apart.
    """
    known = instructions()
    widest = next((f", {words}" for name, words in WIDEST.items() if name in known), "")
    return (cpuinfo().get("model name") or platform.processor() or platform.machine()) + widest


def instructions() -> frozenset[str]:
    """Return the names of the sets of instructions that the processor has; none where the system does not say."""
    found = cpuinfo()
    return frozenset((found.get("flags") or found.get("Features") or "").split())


def cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first core, by name; nothing on other systems."""
    if not CPUINFO.exists():
        return {}
    lines = CPUINFO.read_text().partition("\n\n")[0].splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
