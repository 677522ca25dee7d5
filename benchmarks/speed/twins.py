"""Sides of a comparison, each in a process of its own on the same cores, taking turns: A, B, C, A, B, C, ...

A machine that others use is faster one minute than the next. What is compared is therefore measured within one
turn, and said as a ratio: the median over the turns, with the lowest and the highest beside it.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, final

from residua.compiling import processor

PACKAGES = (
    *("torch", "torchvision", "timm", "segmentation-models-pytorch", "onnxruntime", "openvino"),
    *("pillow", "simplejpeg"),
)


@final
@dataclass(frozen=True, kw_only=True)
class Side:
    """What is timed.

    Attributes:
        name: in the table.
        work: module and function that prepare it, such as "benchmarks.speed.training:residua"; they return a function
            without arguments, one call of which is timed.
        arguments: of that function.
        python: of an environment that has what it needs.
        settings: of its process: the allocator and the caches, stated in the table.
    """

    name: str
    work: str
    arguments: dict[str, Any]
    python: str = sys.executable
    settings: dict[str, str] = field(default_factory=dict)


@final
class Twin:
    """A side that runs in its process and waits for its turn."""

    def __init__(self, side: Side) -> None:
        self.side = side
        command = [side.python, "-m", "benchmarks.speed.twin", side.work, json.dumps(side.arguments)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | side.settings,
        )
        self.seconds: list[float] = []
        self.cpu: list[float] = []

    def turn(self, seconds: float) -> None:
        """Let it work for about so long, and note the time of one call."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.side.name} has ended with {self.process.wait()}")
        found = json.loads(line)
        self.seconds.append(found["seconds"])
        self.cpu.append(found["cpu"])

    def end(self) -> None:
        """Let the process go."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def compared(sides: Sequence[Side], *, turns: int, seconds: float) -> list[dict[str, Any]]:
    """Return a row a side: the seconds of a call, and how many times as long as the first side's it takes.

    Args:
        sides: the first is what the others are held against.
        turns: of each; one more at the beginning is not counted.
        seconds: of a turn.
    """
    twins = [Twin(side) for side in sides]
    try:
        for twin in twins:
            twin.turn(seconds)
        for twin in twins:
            twin.seconds.clear()
            twin.cpu.clear()
        for _ in range(turns):
            for twin in twins:
                twin.turn(seconds)
    finally:
        for twin in twins:
            twin.end()
    return [row(twin, twins[0]) for twin in twins]


def row(twin: Twin, first: Twin) -> dict[str, Any]:
    """Return what is known of a side, held against the first."""
    ratios = sorted(theirs / ours for theirs, ours in zip(twin.seconds, first.seconds, strict=True))
    return {
        "side": twin.side.name,
        "milliseconds": 1e3 * statistics.median(twin.seconds),
        "cpu_milliseconds": 1e3 * statistics.median(twin.cpu),
        "times_ours": statistics.median(ratios),
        "least": ratios[0],
        "most": ratios[-1],
        "turns": len(ratios),
        "settings": twin.side.settings,
    }


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print a table of one comparison."""
    print(f"\n{title}\n{'':<44}{'ms':>9}{'CPU ms':>9}{'times ours':>12}   of the turns")
    for one in rows:
        spread = f"{one['least']:.2f} to {one['most']:.2f}"
        print(
            f"{one['side']:<44}{one['milliseconds']:>9.1f}{one['cpu_milliseconds']:>9.1f}"
            f"{one['times_ours']:>12.2f}   {spread}",
            flush=True,
        )


def keep(path: Path | None, title: str, rows: list[dict[str, Any]]) -> None:
    """Add a comparison to a file of JSON, under its title, with the machine that it was made on."""
    if path is None:
        return
    known = json.loads(path.read_text()) if path.exists() else {"machine": machine(), "tables": {}}
    known["tables"][title] = rows
    path.write_text(json.dumps(known, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """Return what the times depend on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": versions,
    }
