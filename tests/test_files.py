"""A file is whole or not there, and what stands in its way is a sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import SafetensorError

from residua.errors import BadRun
from residua.files import reading, replacing, write_text, writing

SMALL_DISK = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # no file may be longer: what a full disk does
import torch
from safetensors.torch import save_file
from residua.errors import BadRun
from residua.files import replacing
from residua.runs import EventRow, append_row
folder = Path(sys.argv[1])
def weights():
    with replacing(folder / "weights") as temporary:
        save_file({"a": torch.zeros(10_000)}, temporary)
def row():
    append_row(folder / "rows", EventRow(step=1, text="x" * 10_000))
for write in (weights, row):
    try:
        write()
    except BadRun as error:
        print(error)
"""


def test_a_full_disk_is_a_sentence_whoever_writes(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("before")
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    weights, row = done.stdout.splitlines()
    assert "weights was not written" in weights and "Free some space" in weights
    assert "rows was not written" in row
    assert (tmp_path / "weights").read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} <= {"weights", "rows"}


def test_an_error_inside_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    for error in (OSError(28, "No space left on device"), SafetensorError("I/O error")):
        with (
            pytest.raises(BadRun, match=r"a\.txt was not written: (no space left|i/O error)"),
            replacing(path) as new,
        ):
            new.write_text("half")
            raise error
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


def test_reading_and_writing_say_what_the_system_said(tmp_path: Path) -> None:
    with (
        pytest.raises(BadRun, match="gone cannot be read: no such file or directory"),
        reading(tmp_path / "gone"),
    ):
        (tmp_path / "gone").read_bytes()
    with pytest.raises(BadRun, match="was not written: is a directory"), writing(tmp_path):
        tmp_path.write_bytes(b"")
