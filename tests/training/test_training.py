"""Training on real digits: it learns, it says what it chose, and it stops with a reason."""

from pathlib import Path

import msgspec
import pytest

from residua.data import open_source
from residua.errors import BadData, BadInput, Diverged
from residua.runs import EpochRow, EventRow, Row, load_model, read_rows
from residua.training import Settings, evaluate, predict, train
from residua.training.checkpoint import checkpoints, read_checkpoint
from residua.training.recipe import FINE_TUNING
from residua.training.tasks.classification import OF_PIXELS
from tests.training.photos import make_photos


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    done, _ = train(
        "digits", Settings(epochs=4, device="cpu"), run=str(tmp_path_factory.mktemp("runs") / "digits")
    )
    return done.folder


def test_four_epochs_of_digits_learn(run: Path) -> None:
    rows = [row for row in read_rows(run / "metrics.jsonl") if isinstance(row, EpochRow)]
    assert [row.epoch for row in rows] == [1, 2, 3, 4]
    assert rows[-1].val_accuracy > 0.9
    assert evaluate(load_model(run), "digits").scores.top1 > 0.9


def test_everything_chosen_is_written_down_with_its_reason(run: Path) -> None:
    written = msgspec.json.decode((run / "config.json").read_bytes())
    assert written["config"]["model"] == "resnet20_cifar"
    idle = {"data", "epochs", "device", *OF_PIXELS, *FINE_TUNING}
    assert set(written["chosen"]) == set(written["config"]) - idle
    assert all(written["chosen"].values())


def test_the_written_scores_are_those_of_the_written_model(run: Path) -> None:
    written = msgspec.json.decode((run / "evaluation" / "test.json").read_bytes())
    found = evaluate(load_model(run), "digits", split="test").scores
    assert (written["top1"], written["samples"]) == (found.top1, 450)
    assert sum(map(sum, written["confusion"])) == 450


def test_predict_agrees_with_evaluate(run: Path, tmp_path: Path) -> None:
    from PIL import Image

    split = open_source("digits").splits["test"]
    for index in range(20):
        Image.fromarray(split.read(index)[:, :, 0]).save(tmp_path / f"{index:02d}.png")
    (tmp_path / "99.png").write_bytes(b"no picture")
    *answers, bad = predict(load_model(run), [tmp_path], top=3)
    guesses = [answer.classes[0] for answer in answers]
    truth = [split.classes[label] for label in split.labels[:20]]
    assert sum(a == b for a, b in zip(guesses, truth, strict=True)) >= 17
    assert all(len(answer.classes) == 3 and sum(answer.probabilities) <= 1.0001 for answer in answers)
    assert bad.error is not None and "99.png" in bad.file


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="Nothing was saved over the last good checkpoint"):
        train(
            "digits", Settings(epochs=1, lr=1e30, clip=0, warmup=0, device="cpu"), run=str(tmp_path / "run")
        )
    tensors, _ = read_checkpoint(checkpoints(tmp_path / "run" / "checkpoints")[0])
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_early_stopping_says_so_and_why(tmp_path: Path) -> None:
    shown: list[Row] = []
    done, _ = train(
        "digits",
        Settings(epochs=30, lr=1e-9, patience=2, device="cpu"),
        run=tmp_path / "run",
        show=shown.append,
    )
    rows = read_rows(done.metrics)
    epochs = [row for row in rows if isinstance(row, EpochRow)]
    assert len(epochs) < 30
    last = rows[-1]
    assert isinstance(last, EventRow)
    assert last.text.startswith(
        f"stopped early after epoch {len(epochs)} of 30: no better validation accuracy"
    )
    assert shown[-1] == last


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(epochs=0), "--epochs 0: it must be at least 1"),
        (Settings(lr=-1.0), "--lr -1: it must be above 0"),
        (Settings(lr=float("nan")), "--lr nan: it must be a finite number"),
        (Settings(mixup=float("inf")), "--mixup inf: it must be a finite number"),
        (Settings(momentum=1.5), "--momentum 1.5: it is a share"),
        (Settings(model="unet"), "gives a class for every pixel"),
        (Settings(model="resnet50"), "needs at least 17 × 17"),
        (Settings(model="plain20", zero_init=True), "plain20 has none"),
        (Settings(device="cuda:7"), "--device cuda:7 cannot be used here"),
        (Settings(device="tpu"), "--device tpu cannot be used here"),
    ],
)
def test_settings_that_make_no_sense_are_sentences(settings: Settings, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        train("digits", settings, run=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_bad_picture_stops_training_before_its_first_step(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    (photos / "cat" / "03.png").write_bytes(b"\x89PNG broken")
    settings = Settings(epochs=1, batch_size=4, device="cpu")
    with pytest.raises(BadData, match=r"(?s)cat/03\.png.*--skip-bad"):
        train(photos, settings, run=tmp_path / "run")
    done, _ = train(photos, settings, run=tmp_path / "run", skip_bad=True)
    assert "1 unreadable picture left out" in done.data.read_text()
