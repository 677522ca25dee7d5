"""Measure what opening a set takes: `python -m benchmarks.shards.opening --samples 1000000 --foreign 20000`.

Times are CPU seconds of this process, the least of several tries: they count what the work takes, and not what else the
machine does. Waiting for a disk or a network is in none of them.
"""

import argparse
import io
import os
import tarfile
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from residua.data.arrow import arrow
from residua.data.shards import open_shards
from residua.data.shards.index import SAMPLES, Index, Samples, Shard, decode, encoded
from residua.data.shards.names import Names
from residua.data.shards.pictures import shuffled

TRIES = 3


def main() -> None:
    """Open an index of made-up samples, and shards of another program for the first and the second time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1_000_000, help="in the index")
    parser.add_argument("--foreign", type=int, default=20_000, help="pictures in shards without an index")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        of_index(Path(folder), given.samples)
    for name, write in (("tar", tars), ("Parquet", parquets)):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
            (Path(folder) / "set").mkdir()
            write(Path(folder) / "set", given.foreign)
            first = took(lambda folder=folder: open_shards(Path(folder) / "set"), tries=1)
            second = took(lambda folder=folder: open_shards(Path(folder) / "set"))
            print(
                f"{given.foreign:,} pictures in {name} files of others: first {first:.2f} s, then {second:.2f} s"
            )


def took(work: Callable[[], object], *, tries: int = TRIES) -> float:
    """Return the least CPU seconds that some work took."""
    seconds = []
    for _ in range(tries):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return min(seconds)


def of_index(folder: Path, count: int) -> None:
    """Print what the index of many samples takes on disk, in memory and to open, and what an order takes."""
    index, samples = made_up(count)
    content, table = encoded(index, samples)
    (folder / SAMPLES).write_bytes(table)
    size = len(content) + len(table)
    print(f"index of {count:,} samples: {size:,} bytes, {size / count:.1f} a sample")
    del samples

    def opened() -> tuple[Index, Samples]:
        return decode(str(folder), content, (folder / SAMPLES).read_bytes)

    print(f"opened in {took(opened):.2f} s")
    tracemalloc.start()
    held = opened()
    taken, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{taken / 1e6:,.0f} MB held, {peak / 1e6:,.0f} at most")
    print(f"order of an epoch in {took(lambda: shuffled(held[1].shard, np.random.default_rng(0))):.2f} s")


def made_up(count: int) -> tuple[Index, Samples]:
    """Return an index with the names and places that a large set has."""
    per_shard, each = 2_500, 100_000
    shards = tuple(
        Shard(
            name=f"train-{n:06d}.tar",
            split="train",
            samples=min(per_shard, count - n * per_shard),
            bytes=per_shard * each,
        )
        for n in range(-(-count // per_shard))
    )
    place = np.arange(count)
    samples = Samples(
        shard=(place // per_shard).astype(np.uint32),
        offset=(place % per_shard * each).astype(np.uint64),
        length=np.full(count, 90_000, np.uint32),
        label=(place % 1_000).astype(np.uint32),
        names=Names.of(f"n{index % 1_000:08d}/{index:09d}.JPEG" for index in range(count)),
    )
    index = Index(
        format=0, name="made-up", classes=tuple(map(str, range(1_000))), counts={}, channels=3, mirrored=True,
        typical_size=(224, 224), seed=0, notes=(), shards=shards,
    )  # fmt: skip
    return index, samples


def picture() -> bytes:
    """Return a small JPEG file."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def tars(folder: Path, count: int) -> None:
    """Write tar files of 2,500 samples each."""
    content = picture()
    for first in range(0, count, 2_500):
        with tarfile.open(folder / f"train-{first:09d}.tar", "w") as archive:
            for number in range(first, min(first + 2_500, count)):
                for ending, held in (("jpg", content), ("cls", str(number % 10).encode())):
                    member = tarfile.TarInfo(f"{number:09d}.{ending}")
                    member.size = len(held)
                    archive.addfile(member, io.BytesIO(held))


def parquets(folder: Path, count: int) -> None:
    """Write Parquet files of 2,500 rows each, 100 in a row group."""
    pyarrow, content = arrow("this benchmark"), picture()
    for first in range(0, count, 2_500):
        rows = range(first, min(first + 2_500, count))
        table = pyarrow.table(
            {
                "image": [{"bytes": content, "path": f"{row}.jpg"} for row in rows],
                "label": [row % 10 for row in rows],
            }
        )
        pyarrow.parquet.write_table(table, folder / f"train-{first:09d}.parquet", row_group_size=100)


if __name__ == "__main__":
    main()
