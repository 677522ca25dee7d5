"""Measure what the index of very many samples takes: `python benchmarks/shards/opening.py --samples 1000000`."""

import argparse
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from residua.data.shards.index import SAMPLES, Index, Samples, Shard, decode, encoded
from residua.data.shards.names import Names
from residua.data.shards.pictures import shuffled


def main() -> None:
    """Write an index of made-up samples, open it, draw an order, and print what each took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1_000_000)
    count = parser.parse_args().samples
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
    with tempfile.TemporaryDirectory() as folder:
        content, table = encoded(index, samples)
        (Path(folder) / SAMPLES).write_bytes(table)
        print(
            f"index: {len(content) + len(table):,} bytes, {(len(content) + len(table)) / count:.1f} a sample"
        )
        del samples, place
        tracemalloc.start()
        begun = time.perf_counter()
        index, samples = decode(folder, content, (Path(folder) / SAMPLES).read_bytes)
        taken, peak = tracemalloc.get_traced_memory()
        print(
            f"opened in {time.perf_counter() - begun:.2f} s; {taken / 1e6:,.0f} MB held, {peak / 1e6:,.0f} at most"
        )
        tracemalloc.stop()
    begun = time.perf_counter()
    shuffled(samples.shard, np.random.default_rng(0))
    print(f"order of an epoch in {time.perf_counter() - begun:.2f} s")


if __name__ == "__main__":
    main()
