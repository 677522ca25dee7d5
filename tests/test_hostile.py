"""Whatever stands in a file of a stranger, an answer or an error of Residua's own comes out."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.hostile.bombs import png
from benchmarks.hostile.targets import refuses_or_reads, targets
from benchmarks.reliability.images import BYTES

READERS = [name for name in targets() if name not in ("picture", "image")]


@cache
def begins(name: str) -> list[bytes]:
    return targets()[name].seeds()


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """Draw bytes, or a file that the reader reads with a part of it replaced."""
    seed = draw(st.sampled_from(begins(name)))
    place = draw(st.integers(0, len(seed)))
    length = draw(st.integers(0, 20))
    words = st.sampled_from(
        [b"null", b"-1", b"1e999", b"[]", b"{}", b'"\\ud800"', b"\0", b"\xff", b"9" * 30, b",", b"\n"]
    )
    new = draw(st.one_of(st.binary(max_size=20), words))
    return draw(st.one_of(st.just(seed[:place] + new + seed[place + length :]), st.binary(max_size=60)))


@pytest.mark.parametrize("name", READERS)
def test_only_an_answer_or_a_refusal_comes_out(name: str, tmp_path: Path) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(damaged(name))
    @example(b"")
    @example(b"[" * 100_000)
    @example(b'{"a":' * 100_000)
    @example(b"path,label\n" + b"a" * 5_000 + b".jpg,x\n")
    @example(b"9" * 5_000 + b" sky\n")
    def holds(content: bytes) -> None:
        refuses_or_reads(targets()[name], tmp_path, content)

    holds()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is asked of Linux")
def test_a_flat_picture_of_60_megapixels_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    path.write_bytes(png(10_000, 6_000))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile.reader"],
        input=f"{path}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert max(one["bytes"] for one in found.values()) < BYTES / 10
    assert "RESIDUA_PICTURE_MEMORY=420" in found["a picture"]["reason"]
    assert not any(one["wrong"] for one in found.values())
