"""An archive where weights, data or a run are expected is refused with the reason, and nothing is taken out."""

import io
import json
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

OUTSIDE = "escaped.txt"


def zipped(name: str, *, link: bool = False) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"")
            member = zipfile.ZipInfo(name)
            if link:
                member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, b"/etc/passwd" if link else b"escaped")

    return write


def tarred(name: str, kind: bytes = tarfile.REGTYPE, mode: str = "w") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with tarfile.open(path, mode) as archive:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "../.." if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            member.size = 7 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"escaped"))

    return write


LEADS_OUT, NO_FILE = "would be written outside", "is a link, a device or otherwise no plain file"
ARCHIVES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "above, in a zip": ("a.zip", zipped(f"../{OUTSIDE}"), LEADS_OUT),
    "absolute, in a zip": ("a.zip", zipped(f"/tmp/{OUTSIDE}"), LEADS_OUT),
    "a link in a zip": ("a.zip", zipped("archive/link", link=True), NO_FILE),
    "above, in a tar": ("a.tgz", tarred(f"../{OUTSIDE}", mode="w:gz"), LEADS_OUT),
    "a link in a tar": ("a.tar.xz", tarred("link", tarfile.SYMTYPE, "w:xz"), NO_FILE),
    "a device in a tar": ("a.bin", tarred("device", tarfile.CHRTYPE), NO_FILE),
}


PROGRAM = """
import json, sys
from residua.cli.app import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["residua", *words]
    try:
        main()
    except SystemExit as end:
        print("exit code", end.code, file=sys.stderr)
"""
"""The command line again and again: a start of it takes seconds."""


def said(*commands: tuple[str, ...], where: Path) -> list[str]:
    """Return what the command line says of each command; checks that each is a wrong use, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=where,
        capture_output=True,
        text=True,
        check=True,
    )
    *found, after = " ".join(done.stderr.split()).split("exit code 2")
    assert not after and len(found) == len(commands), done.stderr
    return found


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    """A folder within a folder, so that what escapes is seen."""
    (tmp_path / "inner").mkdir()
    return tmp_path / "inner"


def test_an_archive_as_data_as_a_run_and_as_weights(inner: Path, tmp_path: Path) -> None:
    zipped(f"../{OUTSIDE}")(inner / "a.zip")
    tarred(f"../{OUTSIDE}")(inner / "a.tar")
    found = said(
        ("check", "a.zip"),
        ("train", "a.tar"),
        ("resume", "a.zip"),
        ("train", "digits", "--weights", "a.zip", "--run", "new"),
        where=inner,
    )
    for place in (0, 2, 3):
        assert f"a.zip is a zip archive, and its '../{OUTSIDE}' {LEADS_OUT}" in found[place]
    assert f"member '../{OUTSIDE}' that would lie outside" in found[1]
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"inner/a.zip", "inner/a.tar"}


@pytest.mark.parametrize("archive", ARCHIVES.values(), ids=ARCHIVES)
def test_every_kind_is_refused_everywhere(
    inner: Path, archive: tuple[str, Callable[[Path], None], str]
) -> None:
    """The same as the command line does, without the seconds of its start."""
    from residua.data.source import list_data
    from residua.errors import ResiduaError
    from residua.export.fastest import folder_of
    from residua.nets.adapters import read_weights
    from residua.runs import open_run

    name, write, reason = archive
    write(inner / name)
    for read in (list_data, open_run, folder_of, read_weights):
        with pytest.raises(ResiduaError, match=reason):
            read(inner / name)
    assert [path.name for path in inner.parent.rglob("*") if path.is_file()] == [name]
