"""Kernels are compiled once, kept, and done without where they cannot be made."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from residua import compiling
from residua.compiling import folder
from residua.training.kernels.compiled import kernels
from residua.training.kernels.norm_relu import norm_relu


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let kernels be kept in a folder of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernels.cache_clear()
    yield tmp_path
    kernels.cache_clear()


def compiler_that(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the compiler be a script, which notes that it was called."""
    path, calls = tmp_path / "cxx", tmp_path / "calls"
    path.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{words}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(path))
    return calls


@pytest.mark.skipif(kernels() is None, reason="there is no C++ compiler here")
def test_they_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = compiler_that('exec c++ "$@"', tmp_path, monkeypatch)
    for _ in range(2):
        kernels.cache_clear()
        assert kernels() is not None
    assert [line for line in calls.read_text().splitlines() if "-shared" in line] != []
    assert calls.read_text().count("-shared") == 1
    assert [path.suffix for path in folder().iterdir()] == [".so"]


@pytest.mark.skipif(kernels() is None, reason="there is no C++ compiler here")
def test_a_processor_of_the_same_name_with_other_instructions_gets_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for known in (frozenset({"avx2"}), frozenset({"avx2", "avx512f"})):
        monkeypatch.setattr(compiling, "instructions", lambda known=known: known)
        kernels.cache_clear()
        assert kernels() is not None
    assert len(list(folder().iterdir())) == 2


@pytest.mark.parametrize(
    ("says", "name"),
    [
        ("model name\t: A\nflags\t\t: sse avx2\n\nmodel name\t: B\n", "A, AVX2"),
        ("model name\t: A\nflags\t\t: avx2 avx512f avx512_bf16\n", "A, AVX-512 with bfloat16"),
        ("model name\t: A\nflags\t\t: sse\n", "A"),
    ],
)
def test_a_processor_is_told_by_its_name_and_its_instructions(
    says: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(says)
    monkeypatch.setattr(compiling, "CPUINFO", tmp_path / "cpuinfo")
    assert compiling.processor() == name


@pytest.mark.parametrize("words", ["exit 1", "kill -9 $$", "true"])
def test_a_compiler_that_makes_nothing_is_done_without(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler_that(words, tmp_path, monkeypatch)
    assert kernels() is None
    x = torch.randn(2, 16, 4, 4).to(memory_format=torch.channels_last)
    assert torch.equal(norm_relu(x, nn.BatchNorm2d(16)), torch.relu(nn.BatchNorm2d(16)(x)))


def test_no_compiler_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert kernels() is None


@pytest.mark.skipif(os.geteuid() == 0, reason="this user may write everywhere")
def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert kernels() is None
