"""The folder of a run: where each thing is, and who may write there."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, final

import msgspec

from residua.archives import archive_in
from residua.errors import BadRun
from residua.files import NOT_JSON, reading, write_text, writing

RUNS: Final = Path("runs")
"""Where runs are kept that are called by a bare name."""

Record = TypeVar("Record")


@final
@dataclass(frozen=True, slots=True)
class Run:
    """A run by its folder.

    >>> Run(Path("runs/digits")).metrics.name
    'metrics.jsonl'
    """

    folder: Path

    @property
    def config(self) -> Path:
        """The recipe, and who chose what."""
        return self.folder / "config.json"

    @property
    def environment(self) -> Path:
        """What it ran on."""
        return self.folder / "environment.json"

    @property
    def data(self) -> Path:
        """What was read."""
        return self.folder / "data.json"

    @property
    def metrics(self) -> Path:
        """The measurements, one a line."""
        return self.folder / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Everything needed to go on."""
        return self.folder / "checkpoints"

    @property
    def evaluation(self) -> Path:
        """Scores by split, and pictures of the worst mistakes."""
        return self.folder / "evaluation"

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"


def new_run(name: str | Path | None, *, stem: str) -> Run:
    """Make the folder of a new run.

    Args:
        name: a path, or a bare name under `runs/`; None for the first free `runs/STEM`, `runs/STEM-2`, ...
        stem: what to call it when no name is given.

    Raises:
        BadRun: a run is there already, or the folder cannot be made.
    """
    if name is None:
        stem = re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "run"
        return Run(next_free(stem))
    refuse_taken(name)
    run = Run(place(name))
    with writing(run.folder):
        run.checkpoints.mkdir(parents=True, exist_ok=True)
    return run


def next_free(stem: str) -> Path:
    """Make the first free `runs/STEM`, `runs/STEM-2`, ... and return it; of two processes at once each gets its own.

    Raises:
        BadRun: it cannot be made.
    """
    for number in count(1):
        folder = RUNS / (stem if number == 1 else f"{stem}-{number}")
        with writing(folder):
            RUNS.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            (folder / "checkpoints").mkdir()
            return folder
    raise AssertionError("counting has no end")


def place(name: str | Path) -> Path:
    """Return the folder that a name stands for: a path as it is given, or a bare name under `runs/`.

    >>> place("mine").as_posix(), place("./mine").as_posix(), place("/tmp/mine").as_posix()
    ('runs/mine', 'mine', '/tmp/mine')
    """
    bare = isinstance(name, str) and "/" not in name and os.sep not in name and name not in (".", "..")
    return RUNS / name if bare else Path(name)


def refuse_taken(name: str | Path | None) -> None:
    """Say at once that no run can begin under a name, before any picture is read.

    Args:
        name: as for `new_run`.

    Raises:
        BadRun: there is a run already, or something else, or nothing may be written there.
    """
    folder = RUNS if name is None else place(name)
    with reading(folder):
        if name is not None and (folder / "config.json").exists():
            raise BadRun(
                f"{folder} holds a run already; go on with it by `residua resume {folder}`, "
                "or choose another name with --run"
            )
        if folder.is_file() or (name is not None and folder.is_dir() and not unbegun(folder)):
            raise BadRun(f"{folder} is there and is not an empty folder; choose another name with --run")
        above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise BadRun(f"{folder} cannot be made: {above} cannot be written to; choose another with --run")


def unbegun(folder: Path) -> bool:
    """Return whether a folder holds no more than a run leaves that was killed before it wrote its config."""
    before_config = {".lock", "checkpoints", "data.json", "environment.json"}
    found = {path.name for path in folder.iterdir() if not path.name.endswith(".part")}
    return found <= before_config and not any(folder.glob("checkpoints/step-*"))


def open_run(path: str | Path) -> Run:
    """Open the folder of a run: a path, or a bare name under `runs/`.

    Raises:
        BadRun: there is no run, it cannot be looked into, or a link in it leads out of it.
    """
    for folder in (Path(path), RUNS / path):
        with reading(folder):
            if (folder / "config.json").exists():
                refuse_links_out(folder)
                return Run(folder)
    if Path(path).is_file() and (archive := archive_in(Path(path))):
        raise BadRun(
            f"{path} is {archive}; nothing was taken out. If you trust it, unpack it yourself and name the folder"
        )
    known = sorted(found.parent.name for found in RUNS.glob("*/config.json"))
    hint = (
        f"the runs here are {', '.join(known)}"
        if known
        else "there is no run here yet; `residua train` makes one"
    )
    raise BadRun(f"{path} is not the folder of a run (it holds no config.json); {hint}")


def refuse_links_out(folder: Path) -> None:
    """Refuse a run with a link that leads out of it: going on with the run would write there.

    Raises:
        BadRun: there is one.
    """
    root = folder.resolve()
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise BadRun(
                f"{path} is a link to {path.resolve()}, outside of the run, and nothing is read or written there; "
                "put the file or the folder itself into the run"
            )


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Hold a run for writing; the system lets go of it however the process ends.

    Processes that are forked within do not hold it: one that reads pictures may outlive a training that was killed.
    What such a training left half written is removed.

    Raises:
        BadRun: another process holds it, or it cannot be written to.
    """
    try:
        import fcntl  # not on Windows, where a run is simply not locked
    except ImportError:
        yield
        return
    path = run.folder / ".lock"
    with writing(path):
        file = path.open("a+b", buffering=0)
    with file, kept_from_children(file):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().decode().strip() or "another process"
            raise BadRun(
                f"{run.folder} is being written by {holder}; wait for it, or choose another name with --run"
            ) from error
        with writing(path):
            file.truncate(0)
            file.write(f"process {os.getpid()}".encode())
            for unfinished in run.folder.rglob(".*.part"):  # of a process that was killed while it wrote
                unfinished.unlink(missing_ok=True)
        yield


_held: set[BinaryIO] = set()


@contextmanager
def kept_from_children(file: BinaryIO) -> Iterator[None]:
    """Close a file in every process that is forked within."""
    _held.add(file)
    try:
        yield
    finally:
        _held.discard(file)


def _let_go() -> None:
    """Close, in a child, the files that are its parent's alone."""
    for file in _held:
        file.close()
    _held.clear()


if sys.platform != "win32":  # where nothing forks
    os.register_at_fork(after_in_child=_let_go)


def write_json(path: Path, value: Any) -> None:
    """Write a record as JSON that a person can read."""
    write_text(path, msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


class _Format(msgspec.Struct):
    format: int = 1


def refuse_newer(path: Path, known: int) -> None:
    """Refuse a record that a later version wrote, before it is taken for a damaged one.

    Args:
        path: of the record, as JSON.
        known: the newest format that is read.

    Raises:
        BadRun: its format is newer, or it cannot be read.
    """
    found = read_json(path, _Format).format
    if found > known:
        raise BadRun(
            f"{path} is of format {found} and this version reads up to {known}: a newer Residua wrote it; "
            "take that one: pip install --upgrade residua"
        )


def read_json(path: Path, kind: type[Record]) -> Record:
    """Return the record that a file holds.

    Raises:
        BadRun: the file cannot be read, or holds something else.
    """
    with reading(path):
        content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=kind)
    except NOT_JSON as error:
        raise BadRun(f"{path} cannot be read: {error}; the file is damaged") from error
