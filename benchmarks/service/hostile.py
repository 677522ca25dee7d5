"""Thousands of requests that no honest client makes: no answer of 5xx, and the service lives.

    python -m benchmarks.service.hostile [--requests 10000] [--seed 0]

First comes what schemathesis makes of the service's own description, up to half of them; the rest are pictures damaged
at random, in forms that may be damaged too. Exit code 1 on one answer of 5xx, or one connection that is dropped without
an answer.
"""

import argparse
import io
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.service.serving import resident, served, write_network

KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
TYPES = (
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "multipart/form-data; boundary=" + "b" * 300,
    "image/png",
    "image/jpeg",
    "application/json",
    "text/plain",
    "",
)
PATHS = (
    "/predict",
    "/explain",
    "/predict?top=3",
    "/predict?top=-1",
    "/explain?class=%00",
    "/explain?class=class+1",
)
OPERATIONS = 6
"""That the description has, each of which gets its share of the examples."""


def seeds() -> list[bytes]:
    """Return a small picture in every format."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    found = []
    for kind in KINDS:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        found.append(file.getvalue())
    return found


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return the bytes with some changed, cut off, repeated, or put in another place."""
    found = bytearray(content)
    for _ in range(chance.randrange(0, 20)):
        place = chance.randrange(len(found))
        match chance.randrange(4):
            case 0:
                found[place] = chance.randrange(256)
            case 1:
                found[place : place + 4] = chance.randbytes(4)
            case 2:
                found[place:place] = found[: chance.randrange(1, 40)]
            case _:
                del found[place : place + chance.randrange(1, 40)]
        if not found:
            return b""
    return bytes(found[: chance.randrange(len(found) + 1)] if chance.random() < 0.2 else found)


def request(chance: random.Random, pictures: list[bytes]) -> tuple[str, str, bytes]:
    """Return path, type and body of a request."""
    content, kind = damaged(chance.choice(pictures), chance), chance.choice(TYPES)
    if kind.startswith("multipart"):
        name = chance.choice(("images", "images", "images", "file", "", "\x7f"))
        part = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\n\r\n'.encode()
        content = (part + content + b"\r\n") * chance.choice((1, 1, 1, 2, 40)) + b"--b--\r\n"
        if chance.random() < 0.2:
            content = damaged(content, chance)
    return chance.choice(PATHS), kind, content


def ask(port: int, path: str, kind: str, body: bytes) -> int:
    """Return the status of an answer; 0 where the connection was dropped."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": kind} if kind else {})
        response = connection.getresponse()
        response.read()
        return response.status
    except (HTTPException, ConnectionError):
        return 0
    finally:
        connection.close()


def by_schema(port: int, requests: int, seed: int, folder: str) -> tuple[int, str, int]:
    """Let schemathesis ask up to so many times; return its exit code, its last lines, and how often it asked."""
    each = max(1, requests // OPERATIONS)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{port}/openapi.json"),
        *("--phases", "fuzzing", "--max-examples", str(each), "--seed", str(seed)),
        *("--checks", "not_a_server_error", "--no-color"),
    ]
    # In a folder of its own: it leaves a cache where it runs.
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    made = re.search(r"(\d+) generated", done.stdout)
    said = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
    return done.returncode, said, int(made[1]) if made else 0


def main() -> None:
    """Ask, and say what came back."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance, pictures = random.Random(asked.seed), seeds()
    statuses: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        target = write_network(Path(folder) / "net.onnx", "resnet20_cifar", 32)
        with served(target) as (process, port):
            first = resident(process)
            code, said, made = by_schema(port, asked.requests // 2, asked.seed, folder)
            for _ in range(asked.requests - made):
                statuses[ask(port, *request(chance, pictures))] += 1
            last = resident(process)
            alive = ask(port, "/predict", "image/png", pictures[0])
    print(said)
    found = {
        "damaged": {str(status): number for status, number in sorted(statuses.items())},
        "by_schemathesis": made,
        "its_exit_code": code,
        "answers_afterwards": alive,
        "megabytes": [round(first, 1), round(last, 1)],
    }
    print(json.dumps(found, indent=2))
    wrong = sum(number for status, number in statuses.items() if status >= 500 or status == 0)
    sys.exit(1 if wrong or code or alive != 200 else 0)


if __name__ == "__main__":
    main()
