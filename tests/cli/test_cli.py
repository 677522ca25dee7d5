"""The command line as a user meets it: a real process, its output and its exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = "from residua.cli.app import main; main()"


def residua(*words: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN, *words], cwd=where, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("work")
    done = residua("train", "digits", "--epochs", "2", "--run", "mine", "--json", where=where)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (where / answer["report"]).exists()
    assert "epoch   2/2" in done.stderr
    assert done.stderr.startswith("looking at the pictures\nreading pictures: 1,797\ndigits: 10 classes")
    return where


def test_evaluate_prints_a_table_and_json(trained: Path) -> None:
    table = residua("evaluate", "mine", where=trained)
    assert table.returncode == 0, table.stderr
    assert "top-1 accuracy" in table.stdout and "confusion" in table.stdout
    refused = residua("evaluate", "mine", "--model", "resnet18", where=trained)
    assert refused.returncode == 2
    assert "runs/mine is a run and says itself that it is resnet20_cifar" in refused.stderr
    answer = json.loads(
        residua("evaluate", "mine", "digits", "--split", "val", "--json", where=trained).stdout
    )
    assert (answer["split"], answer["scores"]["samples"]) == ("val", 135)


def test_predict_answers_and_names_what_it_cannot_read(trained: Path) -> None:
    from PIL import Image

    Image.new("L", (8, 8), 100).save(trained / "grey.png")
    (trained / "bad.png").write_text("hello")
    done = residua("predict", "mine", "gone.png", "grey.png", "bad.png", where=trained)
    assert done.returncode == 1
    assert done.stdout.count("not read") == 2
    assert [done.stdout.count(name) for name in ("gone.png", "grey.png", "bad.png")] == [1, 1, 1]
    lines = residua("predict", "mine", "grey.png", "--json", where=trained).stdout.splitlines()
    assert json.loads(lines[0])["file"] == "grey.png"


def test_a_second_run_of_the_same_name_is_refused(trained: Path) -> None:
    done = residua("train", "digits", "--run", "mine", where=trained)
    assert done.returncode == 2
    assert "residua resume runs/mine" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trian", "digits"), 'Did you mean "train"'),
        (("train", "nowhere"), "there is no nowhere"),
        (("train", "digits", "--model", "resnet51"), "no network is called 'resnet51'"),
        (("train", "digits", "--epochs", "few"), "few"),
        (("train", "digits", "--epochs", "1.5"), "1.5 is not a whole number"),
        (("train",), "DATA requires an argument"),
        (("resume", "nothing"), "not the folder of a run"),
        (("models", "bert*"), "no network is called 'bert*'"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = residua(*words, where=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_models_lists_and_filters(tmp_path: Path) -> None:
    done = residua("models", "dense*", where=tmp_path)
    assert "densenet121" in done.stdout and "7.98 M" in done.stdout
    rows = json.loads(residua("models", "resnet18", "--json", where=tmp_path).stdout)
    assert rows["resnet18"]["parameters"] == 11_689_512
