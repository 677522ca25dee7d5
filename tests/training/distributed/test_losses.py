"""Several processes train as one does: the same losses, the same sums, whatever parts they have."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from residua.nets.spec import ResNetSpec
from residua.runs import EpochRow, read_rows
from residua.training.checkpoint import checkpoints
from tests.training.distributed.launching import HERE, run
from tests.training.photos import make_photos

SMALL = {"epochs": 4, "lr": 0.002, "batch_size": 97, "seed": 5, "ema": 0.9}
"""12 steps an epoch, no batch of which two or three processes divide evenly."""


def jobs(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Write two tiny networks, and return what is trained."""
    networks = {}
    for norm in ("batch", "group"):
        spec = ResNetSpec(
            depths=(1, 1), widths=(8, 16), stem="cifar", stem_width=8, norm=norm, in_channels=1, classes=10
        )
        networks[norm] = folder / f"{norm}.json"
        networks[norm].write_bytes(msgspec.json.encode(spec))
    photos = make_photos(folder / "photos", each=4)
    few = {"epochs": 2, "lr": 0.001, "batch_size": 2, "model": "resnet20_cifar"}
    return {
        "synchronised": ("digits", SMALL | {"epochs": 5, "model": str(networks["batch"])}),
        "without": ("digits", SMALL | {"epochs": 5, "model": str(networks["group"])}),
        "sharded": ("digits", SMALL | {"model": str(networks["group"]), "accumulate": 2, "mixup": 0.2}),
        "fewer": (str(photos), few),  # pictures in a batch than processes, of three
    }


def trained(folder: Path, processes: int) -> Path:
    """Train all of them in a folder, alone or together."""
    folder.mkdir()
    todo = jobs(folder)
    if processes > 1:
        todo["sharded"][1]["sharded"] = True
    (folder / "jobs.json").write_text(json.dumps(todo))
    script = [str(HERE / "script_trains.py"), str(folder)]
    if processes == 1:
        subprocess.run([sys.executable, *script], check=True)
    else:
        ended = run(processes, script)
        assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("losses") / "alone", 1)


@pytest.fixture(scope="module", params=[2, 3])
def together(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("losses") / "together", request.param)


@pytest.mark.parametrize(
    "name, steps", [("synchronised", 50), ("without", 50), ("sharded", 20), ("fewer", 4)]
)
def test_every_step_has_the_loss_of_one_process(alone: Path, together: Path, name: str, steps: int) -> None:
    expected, found = (json.loads((folder / f"{name}.json").read_text()) for folder in (alone, together))
    assert len(found) == len(expected) >= steps
    assert found[:steps] == pytest.approx(expected[:steps], abs=1e-4, rel=0)


@pytest.mark.parametrize("name", ["synchronised", "without", "sharded"])
def test_the_scores_are_sums_over_all_processes(alone: Path, together: Path, name: str) -> None:
    expected, found = (
        [row for row in read_rows(folder / name / "metrics.jsonl") if isinstance(row, EpochRow)]
        for folder in (alone, together)
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, abs=1e-4)
        assert ours.val_loss == pytest.approx(theirs.val_loss, abs=1e-3)
        assert ours.train_accuracy == pytest.approx(theirs.train_accuracy, abs=2e-3)  # two pictures of 1,164


@pytest.mark.parametrize("name", ["synchronised", "sharded"])
def test_a_checkpoint_is_that_of_one_process(alone: Path, together: Path, name: str) -> None:
    expected, found = (
        load_file(checkpoints(folder / name / "checkpoints")[0]) for folder in (alone, together)
    )
    assert expected.keys() == found.keys()
    for tensor in expected.keys() - {"random/plain", "random/torch"}:
        torch.testing.assert_close(found[tensor], expected[tensor], atol=1e-2, rtol=1e-2, msg=tensor)


def test_batch_norm_sees_the_batch_of_all_processes() -> None:
    ended = run(3, [str(HERE / "script_norms.py")])
    assert ended.returncode == 0, ended.stderr
