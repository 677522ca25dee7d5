"""A `.pt2` file of a stranger: what could run code in it is refused before PyTorch sees it, and nothing is run."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from residua.errors import BadRun
from residua.export.torch_program import read_pt2
from residua.export.untrusted import harmless, refuse_code

Edit = Callable[[dict[str, bytes]], None]


class Doubled(nn.Module):
    """A little of everything: a layer, a size that is computed, a shape that must fit."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        padded = nn.functional.pad(x, (0, -width % 8, 0, -height % 8))
        return nn.functional.max_pool2d(self.layer(padded), 2)


class Harmful:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pt2") / "whole.pt2"
    free = torch.export.Dim.DYNAMIC
    program = torch.export.export(
        Doubled().eval(), (torch.zeros(2, 3, 16, 24),), dynamic_shapes=({0: free, 2: free, 3: free},)
    )
    torch.export.save(program, path)
    return path


def edited(whole: Path, path: Path, edit: Edit) -> Path:
    """Write a file again with other content; names are those within its folder."""
    with zipfile.ZipFile(whole) as archive:
        root = archive.namelist()[0].partition("/")[0]
        held = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    edit(held)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name.removeprefix("/") if name.startswith("/") else f"{root}/{name}", content)
    return path


def in_program(change: Callable[[dict[str, Any]], None]) -> Edit:
    """Return an edit of the program's own record."""

    def edit(held: dict[str, bytes]) -> None:
        program = json.loads(held["models/model.json"])
        change(program)
        held["models/model.json"] = json.dumps(program).encode()

    return edit


def another_target(program: dict[str, Any]) -> None:
    program["graph_module"]["graph"]["nodes"][0]["target"] = "torch.hub.load"


def code_as_a_size(program: dict[str, Any]) -> None:
    values = program["graph_module"]["graph"]["sym_int_values"]
    next(iter(values.values()))["as_expr"]["expr_str"] = "__import__('os').system('true')"


def code_as_a_guard(program: dict[str, Any]) -> None:
    program["guards_code"].append("print(L) or True")


def code_as_a_name(program: dict[str, Any]) -> None:
    program["graph_module"]["graph"]["nodes"][0]["name"] = "x = 1; import os"


def pickled_weight(held: dict[str, bytes]) -> None:
    config = json.loads(held["data/weights/model_weights_config.json"])
    next(iter(config["config"].values()))["use_pickle"] = True
    held["data/weights/model_weights_config.json"] = json.dumps(config).encode()


def older_form(held: dict[str, bytes]) -> None:
    held["/serialized_state_dict.pt"] = b"what the loader falls back to"


def more_files(held: dict[str, bytes]) -> None:
    held["data/aotinductor/model/code.so"] = b"\x7fELF"


def test_a_program_of_tensors_is_left_alone(whole: Path) -> None:
    refuse_code(whole)


def test_what_is_written_again_unchanged_is_left_alone(whole: Path, tmp_path: Path) -> None:
    refuse_code(edited(whole, tmp_path / "same.pt2", lambda held: None))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (in_program(another_target), "'torch.hub.load' stands there as target"),
        (in_program(code_as_a_size), "stands there as expr_str"),
        (in_program(code_as_a_guard), "stands there as guards_code"),
        (in_program(code_as_a_name), "stands there as name"),
        (pickled_weight, "is a pickle"),
        (older_form, "not in a subdirectory|files beside those of its program"),
        (more_files, "which no program of tensors needs"),
    ],
)
def test_what_could_run_code_is_refused(whole: Path, tmp_path: Path, edit: Edit, said: str) -> None:
    path = edited(whole, tmp_path / "hostile.pt2", edit)
    with pytest.raises(BadRun, match=said):
        read_pt2(path, torch.device("cpu"))


def test_a_pickle_that_runs_code_is_not_opened(whole: Path, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    buffer = io.BytesIO()
    torch.save(Harmful(mark), buffer)

    def edit(held: dict[str, bytes]) -> None:
        held["data/sample_inputs/model.pt"] = buffer.getvalue()

    path = edited(whole, tmp_path / "hostile.pt2", edit)
    with pytest.raises(BadRun, match="a pickle in it holds more than tensors"):
        read_pt2(path, torch.device("cpu"))
    assert not mark.exists()
    pickle.loads(pickle.dumps(Harmful(mark)))  # as it would have been
    assert mark.exists()


def test_a_file_that_is_no_archive_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.pt2").write_bytes(b"no archive")
    with pytest.raises(BadRun, match="cannot be loaded by PyTorch"):
        read_pt2(tmp_path / "a.pt2", torch.device("cpu"))


@pytest.mark.parametrize(
    "text",
    [
        "2**9999999999",
        "L['x'].shape",
        "max.__self__",
        "(lambda: 1)()",
        "[1]",
        "f'{1}'",
        "Symbol('__import__')",
        "9" * 30,
    ],
)
def test_what_is_no_arithmetic_of_sizes_is_not_harmless(text: str) -> None:
    assert not harmless("guards_code", text)
    assert not harmless("expr_str", text)
