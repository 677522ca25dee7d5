"""Thousands of damaged pictures of every format, and bombs: each read or refused, in little time and memory.

    scripts/faults images [--count 5000] [--seed 0] [--keep FOLDER]

A process of its own reads each by every path that training, prediction and `residua check` have. Exit code 1 when it
dies, when anything but an answer or a refusal comes back, when one reading takes more than 2 s of processor time or
more than 200 MB of memory, or when a whole picture is refused; such files are kept. Needs Linux.
"""

import argparse
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, final

from benchmarks.hostile.bombs import bombs
from benchmarks.hostile.mangle import mangled
from benchmarks.hostile.seeds import seeds

SECONDS: Final = 2.0
"""Of processor time that one reading may take."""
BYTES: Final = 200_000_000
"""Of memory that one reading may take above what the process had."""
PATIENCE: Final = 20.0
"""Seconds of processor time after which a file is taken to hang."""


@final
class Watched:
    """A process that reads, begun again when it has died."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> dict[str, dict[str, Any]] | str:
        """Return what came of each reading of a file, or how the process ended."""
        process = self.process = self.process or self._begun()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        began = processor_time(process.pid)
        while not select.select([process.stdout], [], [], 0.5)[0]:
            if processor_time(process.pid) - began > PATIENCE:
                self.close()
                return f"it hangs: more than {PATIENCE:.0f} s of processor time"
        if line := process.stdout.readline():
            found: dict[str, dict[str, Any]] = json.loads(line)
            return found
        ended = process.wait()
        self.process = None
        return f"the process died ({ended})"

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _begun(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "benchmarks.hostile.reader"]
        with self.log.open("a") as log:
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )


def processor_time(process: int) -> float:
    """Return the seconds of processor time that a process has had; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def files(count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Give name, what was done, and content: every bomb, every picture as it is, and the damaged ones."""
    yield from ((f"bomb-{name}", "a bomb", make()) for name, make in bombs().items())
    known = seeds()
    yield from ((name, "as it is", content) for name, content in known.items())
    chance, names = random.Random(seed), list(known)
    for number in range(count):
        name = names[number % len(names)]
        said, content = mangled(known[name], known[chance.choice(names)], chance)
        yield f"{number:06d}-{name}", said, content


def judged(name: str, said: str, found: dict[str, dict[str, Any]] | str) -> list[str]:
    """Return what is wrong with what came of a file, in sentences."""
    if isinstance(found, str):
        return [found]
    wrong = [f"{path}: {one['wrong']}" for path, one in found.items() if one["wrong"]]
    wrong += [f"{path}: {one['seconds']:.1f} s" for path, one in found.items() if one["seconds"] > SECONDS]
    wrong += [f"{path}: {one['bytes'] / 1e6:.0f} MB" for path, one in found.items() if one["bytes"] > BYTES]
    if said == "as it is" and all(one["reason"] for one in found.values()):
        wrong.append(f"a whole picture is not read: {found['a picture']['reason']}")
    return wrong


def outcome(found: dict[str, dict[str, Any]], path: Path) -> str:
    """Return what was said of a bomb, the path of the file left out."""
    reasons = [one["reason"].removeprefix(f"{path}: ") for one in found.values() if one["reason"]]
    return f"refused by {len(reasons)} of {len(found)} ({reasons[-1]})" if reasons else "read"


def main() -> None:
    """Read them all, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that something is wrong with")
    asked = parser.parse_args()
    kept = asked.keep or Path(tempfile.mkdtemp(prefix="residua-images-"))
    kept.mkdir(parents=True, exist_ok=True)
    seen: Counter[str] = Counter()
    most = {"seconds": (0.0, ""), "bytes": (0.0, "")}
    bad, began = 0, time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        watched = Watched(kept / "said.log")
        for name, said, content in files(asked.count, asked.seed):
            path = Path(folder) / name
            path.write_bytes(content)
            found = watched.read(path)
            path.unlink()
            if wrong := judged(name, said, found):
                bad += 1
                (kept / name).write_bytes(content)
                print(f"{name} ({said}): {'; '.join(wrong)}", flush=True)
            if isinstance(found, str):
                continue
            for one in found.values():
                seen["refused" if one["reason"] else "read"] += 1
                for what, (largest, _) in most.items():
                    if one[what] > largest:
                        most[what] = (one[what], name)
            if said == "a bomb":
                print(f"{name}: {len(content):,} bytes; {outcome(found, path)}", flush=True)
        watched.close()
    said_by_libraries = (kept / "said.log").stat().st_size
    print(
        f"{asked.count} damaged pictures, {len(bombs())} bombs: {seen['read']:,} readings answered, "
        f"{seen['refused']:,} refused; the longest {most['seconds'][0]:.2f} s ({most['seconds'][1]}), the largest "
        f"{most['bytes'][0] / 1e6:.0f} MB ({most['bytes'][1]}); {bad} files with something wrong, in {kept}; "
        f"{said_by_libraries:,} bytes on standard error; {time.process_time() - began:.0f} s here"
    )
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
