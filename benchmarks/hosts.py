"""Two hosts made out of this machine, and a training on both: for the faults of a network and of a host.

A host is a network namespace; a virtual cable joins the two. Needs Linux, root, and the `ip` command.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from benchmarks.launching import say, together, wait_until, workers


@final
@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace, and the address that it has on the cable."""

    name: str
    address: str


HOSTS: Final = (Host("residua-one", "10.87.0.1"), Host("residua-two", "10.87.0.2"))
CABLE: Final = "residua0"
"""The name of its end in each host."""
PORT: Final = 29_517
RESTARTS: Final = 10
"""How often a torchrun starts its process again."""
GIVEN_UP: Final = 3
"""How often a torchrun that gives up is started again; what goes wrong more often will not come right."""


def ip(*words: str) -> None:
    """Change the network by the `ip` command.

    Raises:
        SystemExit: it cannot be changed here.
    """
    done = subprocess.run(["ip", *words], check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(
            f"two hosts cannot be made out of this machine: `ip {' '.join(words)}` says: {done.stderr.strip()}. It "
            "takes network namespaces and virtual cables (veth); a container needs the right to make them, such as by "
            "--privileged"
        )


@contextmanager
def two_hosts() -> Iterator[None]:
    """Make the hosts and the cable between them; take them away afterwards.

    Raises:
        SystemExit: they cannot be made here.
    """
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        raise SystemExit(
            "two hosts are made out of one by Linux, as root, with the `ip` command (scripts/network installs it); one "
            "of these is missing here"
        )
    take_away()
    try:
        for host in HOSTS:
            ip("netns", "add", host.name)
            ip("-n", host.name, "link", "set", "lo", "up")
        ends = [("netns", host.name, "type", "veth") for host in HOSTS]
        ip("link", "add", CABLE, *ends[0], "peer", "name", CABLE, *ends[1][:2])
        for host in HOSTS:
            ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", CABLE)
            ip("-n", host.name, "link", "set", CABLE, "up")
        yield
    finally:
        take_away()


def take_away() -> None:
    """Take the hosts away with all that runs in them, also what an earlier run has left; the cable goes too."""
    for host in HOSTS:
        inside = subprocess.run(
            ["ip", "netns", "pids", host.name], check=False, capture_output=True, text=True
        )
        for process in map(int, inside.stdout.split()):
            end_now(process)
        subprocess.run(["ip", "netns", "delete", host.name], check=False, stderr=subprocess.DEVNULL)


def end_now(process: int) -> None:
    """Kill a process without a warning, if it has not ended."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def cable(state: str) -> None:
    """Pull the cable out of the second host ("down"), or put it back in ("up")."""
    ip("-n", HOSTS[1].name, "link", "set", CABLE, state)


@final
class Cluster:
    """A training on both hosts: a torchrun in each, started again when it gives up, as a cluster would.

    Attributes:
        run: the folder that it writes; what the hosts say is in files beside it.
        again: how often a torchrun that gave up was started again.
    """

    def __init__(self, run: Path, words: Sequence[str], *, nodes: str = "2", last_call: int = 30) -> None:
        """Start the training.

        Args:
            run: the folder that it writes.
            words: what follows `residua train`.
            nodes: how many hosts torchrun wants, or "LEAST:MOST".
            last_call: seconds that it waits for more hosts once the least are there.
        """
        self.run = run
        self.again = 0
        self._words = ["train", *words, "--run", str(run), "--device", "cpu"]
        self._options = ["--nnodes", nodes, "--nproc-per-node", "1", "--max-restarts", str(RESTARTS)]
        self._last_call = last_call
        self._launchers: dict[int, subprocess.Popen[bytes]] = {}
        for number in range(len(HOSTS)):
            self.join(number)

    def join(self, number: int) -> None:
        """Start the torchrun of a host."""
        host = HOSTS[number]
        # By itself torchrun compares the endpoint with the name of the machine, which both hosts share.
        settings = f"is_host={int(number == 0)},last_call_timeout={self._last_call}"
        meeting = [
            *("--rdzv-backend", "c10d", "--rdzv-endpoint", f"{HOSTS[0].address}:{PORT}"),
            *("--rdzv-id", self.run.name, "--rdzv-conf", settings, "--local-addr", host.address),
        ]
        launcher = [sys.executable, "-m", "torch.distributed.run", *self._options, *meeting]
        with self._log(number).open("ab") as log:
            self._launchers[number] = subprocess.Popen(
                ["ip", "netns", "exec", host.name, *launcher, "-m", "--", "benchmarks.often", *self._words],
                stdout=log,
                stderr=log,
                env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": CABLE},
            )

    def leave(self, number: int) -> None:
        """Kill the torchrun of a host, and its process, without a warning."""
        launcher = self._launchers.pop(number)
        for process in [launcher.pid, *workers(launcher.pid).values()]:
            end_now(process)
        launcher.wait()

    def wait_until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for something while the training goes on, and start again what gives up.

        Raises:
            SystemExit: it did not come.
        """
        wait_until(lambda: self._tended() and condition(), what)

    def wait(self) -> None:
        """Wait for the end."""
        self.wait_until("the end of the training", self.ended)

    def ended(self) -> bool:
        """Return whether all hosts are at the end."""
        return all(launcher.poll() is not None for launcher in self._launchers.values())

    def size(self) -> int:
        """Return how many processes train together, as those of the first host were told; 0 while it has none."""
        return together(self._launchers[0].pid)

    def end(self) -> None:
        """Stop what still runs."""
        for launcher in self._launchers.values():
            launcher.terminate()
        for launcher in self._launchers.values():
            launcher.wait()

    def _tended(self) -> bool:
        """Start again what has given up; once the report is there, there is nothing left to do for the others."""
        for number, launcher in list(self._launchers.items()):
            if not launcher.poll() or (self.run / "report.html").exists():
                continue
            if self.again == GIVEN_UP:
                last = self._log(number).read_text().splitlines()[-20:]
                raise SystemExit(
                    "\n".join([f"torchrun gives up again and again; {HOSTS[number].name} says:", *last])
                )
            self.again += 1
            say(f"the torchrun of {HOSTS[number].name} has given up, and is started again")
            self.join(number)
        return True

    def _log(self, number: int) -> Path:
        return self.run.parent / f"{self.run.name}-{HOSTS[number].name}.log"


@contextmanager
def training(run: Path, words: Sequence[str], *, nodes: str = "2", last_call: int = 30) -> Iterator[Cluster]:
    """Train on both hosts; what still runs at the end of the block is stopped."""
    cluster = Cluster(run, words, nodes=nodes, last_call=last_call)
    try:
        yield cluster
    finally:
        cluster.end()
