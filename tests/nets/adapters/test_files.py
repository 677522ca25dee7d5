import os
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from residua.errors import BadRun
from residua.nets.adapters import read_weights

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.steps": torch.tensor(7)}


def reads_back(path: Path) -> bool:
    found = read_weights(path)
    return found.keys() == STATE.keys() and all(torch.equal(found[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin"])
def test_safetensors_are_known_by_what_they_hold(tmp_path: Path, name: str) -> None:
    safetensors.torch.save_file(STATE, tmp_path / name)
    assert reads_back(tmp_path / name)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "best": 91.7},
        {"model": STATE, "epoch": 3},
        {"model": {"state_dict": STATE}},
    ],
    ids=["bare", "state_dict", "model", "both"],
)
def test_a_state_dict_is_found_where_scripts_put_it(tmp_path: Path, content: object, zipped: bool) -> None:
    torch.save(content, tmp_path / "w.th", _use_new_zipfile_serialization=zipped)
    assert reads_back(tmp_path / "w.th")


def test_parameters_come_without_their_gradients(tmp_path: Path) -> None:
    torch.save(dict(nn.Linear(2, 2).named_parameters()), tmp_path / "w.pt")
    assert not any(tensor.requires_grad for tensor in read_weights(tmp_path / "w.pt").values())


class Trap:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("pickled", [True, False])
def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path, pickled: bool) -> None:
    path, sprung = tmp_path / "w.pt", tmp_path / "sprung"
    if pickled:
        path.write_bytes(pickle.dumps({"weight": Trap(sprung)}, protocol=2))
    else:
        torch.save({"weight": Trap(sprung)}, path)
    with pytest.raises(
        BadRun, match=r"would run code to be read \(\w+\.mkdir\), and was refused; nothing was run"
    ):
        read_weights(path)
    assert not sprung.exists()


def test_a_whole_model_is_refused_with_what_to_save_instead(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(BadRun, match=r"torch\.nn\.modules\.linear\.Linear\).*torch\.save\(model\.state_dict"):
        read_weights(tmp_path / "w.pt")


def test_what_is_no_file_of_weights_is_refused(tmp_path: Path) -> None:
    empty, text, folder = tmp_path / "empty", tmp_path / "text", tmp_path / "folder"
    empty.touch()
    text.write_text("not weights at all")
    folder.mkdir()
    for path, reason in (
        (empty, "damaged or was not written by torch.save"),
        (text, "neither safetensors nor"),
        (folder, "cannot be read: Is a directory"),
        (tmp_path / "nowhere", "cannot be read: No such file"),
    ):
        with pytest.raises(BadRun, match=f"{path.name} .*{reason}"):
            read_weights(path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file(STATE, tmp_path / "w.safetensors")
    torch.save(STATE, tmp_path / "w.pt")
    for name in ("w.safetensors", "w.pt"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(BadRun, match="damaged"):
            read_weights(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "holds nothing"),
        ([1, 2], "holds a list"),
        (torch.zeros(2), "holds a Tensor"),
        ({"a": torch.zeros(2), "epoch": 3}, "holds epoch beside or instead of tensors"),
    ],
    ids=["empty", "list", "tensor", "mixed"],
)
def test_what_is_not_tensors_by_name_is_refused(tmp_path: Path, content: object, reason: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(BadRun, match=reason):
        read_weights(tmp_path / "w.pt")
