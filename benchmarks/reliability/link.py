"""Cut the network between two hosts that train together, restore it, and compare the end with an unbroken run.

    scripts/faults link [--seconds 25] [--timeout 10] [--epochs 20]

The hosts are two network namespaces of this machine, joined by a virtual cable; each has a torchrun of its own with
one process. Processes that wait longer than the timeout give up, both torchruns start theirs anew, and they go on from
the last checkpoint as soon as they reach each other. A torchrun that gives up itself is started again, as a cluster
would. Needs Linux and root. Exit code 1 when one tensor differs in one bit.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.launching import differing, metrics, steps, wait_until

HOSTS: Final = ("residua-one", "residua-two")
CABLE: Final = "residua0"
"""The name of its end in each host."""
ADDRESSES: Final = ("10.87.0.1", "10.87.0.2")
PORT: Final = 29_517
RESTARTS: Final = 10
GRACE: Final = 15
"""Seconds from the first step to the cut: more than the time after which an epoch's end is saved."""


def ip(*words: str) -> None:
    """Change the network by the `ip` command."""
    subprocess.run(["ip", *words], check=True)


@contextmanager
def two_hosts() -> Iterator[None]:
    """Make two hosts and a cable between them; take them away afterwards."""
    remove()
    try:
        for host in HOSTS:
            ip("netns", "add", host)
            ip("-n", host, "link", "set", "lo", "up")
        ip("link", "add", CABLE, "netns", HOSTS[0], "type", "veth", "peer", "name", CABLE, "netns", HOSTS[1])
        for host, address in zip(HOSTS, ADDRESSES, strict=True):
            ip("-n", host, "address", "add", f"{address}/24", "dev", CABLE)
            ip("-n", host, "link", "set", CABLE, "up")
        yield
    finally:
        remove()


def remove() -> None:
    """Take away what an earlier run may have left; the cable goes with its hosts."""
    for host in HOSTS:
        subprocess.run(["ip", "netns", "delete", host], check=False, stderr=subprocess.DEVNULL)


def begin(number: int, run: Path, asked: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start a torchrun in a host."""
    launcher = [
        *("ip", "netns", "exec", HOSTS[number], sys.executable, "-m", "torch.distributed.run"),
        *("--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", str(RESTARTS)),
        *("--rdzv-backend", "c10d", "--rdzv-endpoint", f"{ADDRESSES[0]}:{PORT}", "--rdzv-id", run.name),
        *("--local-addr", ADDRESSES[number]),
    ]
    words = ["train", "digits", "--epochs", str(asked.epochs), "--seed", "7", "--run", str(run)]
    options = ["--device", "cpu", "--timeout", str(asked.timeout)]
    with (run.parent / f"{run.name}-{HOSTS[number]}.log").open("ab") as log:
        return subprocess.Popen(
            [*launcher, "-m", "--", "residua", *words, *options],
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": CABLE},
        )


def finished(hosts: list[subprocess.Popen[bytes]], run: Path, asked: argparse.Namespace) -> int:
    """Wait for both hosts, and start one again that gives up; return how often that was needed."""
    again = 0
    while any(host.poll() != 0 for host in hosts):
        time.sleep(0.2)
        for number, host in enumerate(hosts):
            if host.poll():
                again += 1
                if again > RESTARTS:
                    raise SystemExit(
                        "\n".join(path.read_text()[-2000:] for path in run.parent.glob(f"{run.name}-*.log"))
                    )
                hosts[number] = begin(number, run, asked)
        if (run / "report.html").exists():  # the first process has done all that there is to do
            break
    for host in hosts:
        if host.poll() is None:
            host.wait()
    return again


def cut(hosts: list[subprocess.Popen[bytes]], run: Path, asked: argparse.Namespace) -> None:
    """Cut the cable in the middle of the training, and mend it."""
    wait_until(lambda: steps(run) > 0 or any(host.poll() for host in hosts))
    time.sleep(GRACE)
    print(f"cut after {steps(run)} rows of measurements", flush=True)
    ip("-n", HOSTS[1], "link", "set", CABLE, "down")
    time.sleep(asked.seconds)
    ip("-n", HOSTS[1], "link", "set", CABLE, "up")
    print(f"mended after {asked.seconds} seconds", flush=True)


def train(run: Path, asked: argparse.Namespace, *, broken: bool) -> int:
    """Train in both hosts; return how often a torchrun had to be started again."""
    hosts = [begin(number, run, asked) for number in range(2)]
    try:
        if broken:
            cut(hosts, run, asked)
        return finished(hosts, run, asked)
    finally:
        for host in hosts:
            if host.poll() is None:
                host.terminate()
                host.wait()


def main() -> None:
    """Run the comparison and say from where the broken run went on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=25)
    parser.add_argument("--timeout", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    asked = parser.parse_args()
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        raise SystemExit(
            "network namespaces need Linux, root, and the `ip` command (scripts/network installs it)"
        )
    with tempfile.TemporaryDirectory() as folder, two_hosts():
        unbroken, run = Path(folder) / "unbroken", Path(folder) / "broken"
        train(unbroken, asked, broken=False)
        again = train(run, asked, broken=True)
        resumed = [line for line in metrics(run).splitlines() if "resumed from" in line]
        different = differing(run, unbroken)
    print(*resumed, sep="\n")
    print(
        f"resumed {len(resumed)} times, a torchrun started again {again} times; tensors that differ from the unbroken "
        f"run: {len(different)}"
    )
    raise SystemExit(1 if different or not resumed else 0)


if __name__ == "__main__":
    main()
