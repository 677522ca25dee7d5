"""Whatever stands in a file of a stranger, an answer or an error of Residua's own comes out."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile.bombs import png
from benchmarks.hostile.targets import refuses_or_reads, targets
from benchmarks.reliability.images import BYTES

EXTREMES = [
    *(b"", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000 + b" sky\n"),
    b"path,label\n" + b"a" * 5_000 + b".jpg,x\n",
]
READERS = [name for name in targets() if name not in ("picture", "image")]

WORDS = [b"null", b"-1", b"1e999", b"[]", b"{}", b'"\\ud800"', b"\0", b"\xff", b"9" * 30, b",", b"\n"]


class Damage(NamedTuple):
    """Bytes put into a file that the reader reads, in the place of some of its own; `seed` and `place` wrap around."""

    seed: int
    place: int
    length: int
    new: bytes


# Not the damaged bytes themselves: those of a record are too many for Hypothesis to print.
damages = st.builds(
    Damage,
    seed=st.integers(0, 5),
    place=st.integers(0, 100_000),
    length=st.integers(0, 20),
    new=st.one_of(st.binary(max_size=20), st.sampled_from(WORDS)),
)


@pytest.mark.parametrize("name", READERS)
def test_only_an_answer_or_a_refusal_comes_out(name: str, tmp_path: Path) -> None:
    target = targets()[name]
    known = target.seeds()

    @settings(max_examples=40, deadline=None, database=None)
    @given(damages)
    def holds(damage: Damage) -> None:
        seed = known[damage.seed % len(known)]
        place = damage.place % (len(seed) + 1)
        refuses_or_reads(target, tmp_path, seed[:place] + damage.new + seed[place + damage.length :])

    holds()
    for content in EXTREMES:
        refuses_or_reads(target, tmp_path, content)


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
