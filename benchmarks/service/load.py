"""How much of its runtime's speed a service keeps, and whether it leaks: load from a second process, on loopback.

    python -m benchmarks.service.load [--seconds 60] [--network resnet18] [--size 224]

The same runtime is called in a bare loop with full batches before and after, in a process of its own too. Clients send
one JPEG a request over connections that stay open. Their number is the one of 4, 8, 16, 32 and 64 that answers most.
"""

import argparse
import io
import json
import multiprocessing
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.service.serving import resident, served, write_network
from residua.export.fastest import batch_for, open_fastest

BATCH = 16


def photograph(size: int) -> bytes:
    """Return a JPEG that is as much work to decode as a photo: noise that falls off with the frequency."""
    noise = np.random.default_rng(0).normal(size=(size // 8, size // 8, 3))
    pixels = (128 + 40 * noise).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def bare(target: Path, seconds: float) -> float:
    """Return pictures a second of the fastest runtime in a loop with full batches."""
    program = open_fastest(target)
    images = program.card.preprocess.normalise(batch_for(program.card)[:1].repeat(BATCH, 1, 1, 1))
    program(images)
    done, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        program(images)
        done += BATCH
    return done / (time.perf_counter() - began)


def apart(function: Callable[..., float], *arguments: object) -> float:
    """Return what a function gives in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def client(port: int, request: bytes, end: float, counts: list[int]) -> None:
    """Ask again and again until the end; count answers and errors."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        file = connection.makefile("rb")
        while time.perf_counter() < end:
            connection.sendall(request)
            status = int(file.readline().split()[1])
            length = 0
            while (line := file.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            file.read(length)
            counts[status != 200] += 1


def load(port: int, content: bytes, clients: int, seconds: float) -> tuple[float, int]:
    """Return answers a second, and errors, under so many clients."""
    lines = (
        "POST /predict?top=1 HTTP/1.1",
        "Host: x",
        "Content-Type: image/jpeg",
        f"Content-Length: {len(content)}",
    )
    request = "\r\n".join((*lines, "", "")).encode() + content
    counts, began = [[0, 0] for _ in range(clients)], time.perf_counter()
    threads = [
        threading.Thread(target=client, args=(port, request, began + seconds, counts[place]))
        for place in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - began
    return sum(right for right, _ in counts) / spent, sum(wrong for _, wrong in counts)


def main() -> None:
    """Measure, and print the numbers as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--size", type=int, default=224)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        target = write_network(Path(folder) / f"{asked.network}.onnx", asked.network, asked.size)
        content = photograph(asked.size)
        before = apart(bare, target, 10.0)
        with served(target) as (process, port):
            tried = {clients: load(port, content, clients, 5.0)[0] for clients in (4, 8, 16, 32, 64)}
            best = max(tried, key=lambda clients: tried[clients])
            warm = resident(process)
            rate, errors = load(port, content, best, asked.seconds)
            after_load = resident(process)
        after = apart(bare, target, 10.0)
    loop = (before + after) / 2
    found = {
        "threads": torch.get_num_threads(),
        "bytes": len(content),
        "clients": best,
        "tried": {str(clients): round(speed, 1) for clients, speed in tried.items()},
        "errors": errors,
        "answers_a_second": round(rate, 1),
        "bare_loop_before_and_after": [round(before, 1), round(after, 1)],
        "share": round(rate / loop, 3),
        "megabytes_warm_and_after": [round(warm, 1), round(after_load, 1)],
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
