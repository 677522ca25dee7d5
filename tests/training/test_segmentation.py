"""Training on masks: it learns, is stopped and goes on, says what it chose, and writes masks as they came in."""

import json
import os
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn import metrics

from residua.data.masks import MaskSource, open_masks
from residua.errors import BadData, BadInput, Interrupted
from residua.exam import examine
from residua.nets.spec import ResNetSpec, UNetSpec
from residua.objective import MaskScores
from residua.runs import EpochRow, EventRow, Row, StepRow, load_model, open_run, read_rows
from residua.training import MaskEvaluation, MaskPrediction, Settings, evaluate, evaluate_run, predict, train
from residua.training.checkpoint import checkpoints
from residua.training.job import resume, silent
from residua.training.plan import make_plan
from residua.training.recipe import FINE_TUNING, LossName
from residua.training.record import MaskRecord, read_record
from residua.training.subject import open_subject
from residua.training.tasks import Segmentation
from residua.types import VOID
from tests.data.masks.make import blobs, saved, two_folders

ENCODER = ResNetSpec(depths=(1, 1), widths=(8, 16), stem="cifar", stem_width=8)
SMALL = UNetSpec(widths=(16,), norm="batch", encoder=ENCODER)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("nets") / "small.json"
    path.write_bytes(msgspec.json.encode(SMALL))
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs of three colours on a ground; a corner of every mask is void."""
    root = tmp_path_factory.mktemp("data") / "discs"
    for index, (picture, mask) in enumerate(blobs(24)):
        mask[:6, :8] = 255
        saved(root / "images" / f"{index:02d}.png", picture)
        saved(root / "masks" / f"{index:02d}.png", mask)
    return root


def settings(network: str, **more: object) -> Settings:
    return msgspec.convert({"model": network, "device": "cpu", "batch_size": 4, **more}, Settings)


@pytest.fixture(scope="module")
def run(network: str, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = settings(network, epochs=25, lr=0.01, crop=32)
    done, _ = train(data, given, run=tmp_path_factory.mktemp("runs") / "discs")
    return done.folder


def size_of(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_it_learns_and_says_so_in_its_rows(run: Path) -> None:
    rows = read_rows(run / "metrics.jsonl")
    epochs = [row for row in rows if isinstance(row, EpochRow)]
    assert len(epochs) == 25
    last = epochs[-1]
    assert last.val_mean_iou is not None and last.val_mean_iou > 0.8
    assert last.train_accuracy is not None and last.train_accuracy > 0.9
    assert 0.9 < last.val_accuracy <= 1
    assert isinstance(rows[0], EventRow) and rows[0].text.startswith("exam: trains, with a probability of ")


def test_everything_chosen_is_written_down_with_its_reason(run: Path) -> None:
    written = msgspec.json.decode((run / "config.json").read_bytes())
    given = {"data", "model", "device", "batch_size", "epochs", "lr", "crop"}
    other = {"image_size", "early_size", "mixup", "cutmix", "classes", "void", *FINE_TUNING}
    assert set(written["chosen"]) == set(written["config"]) - given - other
    assert all(written["chosen"].values())
    record = read_record(open_run(run))
    assert isinstance(record, MaskRecord)
    assert (record.encoding.values, record.encoding.void) == ((0, 1, 2, 3), (255,))
    assert record.preprocess.crop == (32, 32)


def test_the_written_scores_are_scikit_learns_on_the_pixels_of_the_written_masks(
    run: Path, data: Path, tmp_path: Path
) -> None:
    """From the files alone: pictures in, masks out, compared with the files of the truth."""
    written = json.loads((run / "evaluation" / "test.json").read_text())
    record = read_record(open_run(run))
    names = record.description.splits["test"].names
    found = list(
        predict(load_model(run), [data / name for name in names], out=tmp_path / "out", device="cpu")
    )
    guess = np.concatenate([np.asarray(Image.open(one.masks[0])).ravel() for one in found])  # type: ignore[union-attr]
    truth = np.concatenate(
        [np.asarray(Image.open(data / "masks" / Path(name).name)).ravel() for name in names]
    )
    kept = truth != 255
    guess, truth = guess[kept], truth[kept]
    ious = metrics.jaccard_score(truth, guess, average=None, labels=[0, 1, 2, 3])
    assert written["mean_iou"] == pytest.approx(ious.mean(), abs=1e-9)
    assert written["pixel_accuracy"] == pytest.approx((truth == guess).mean(), abs=1e-9)
    assert written["confusion"] == metrics.confusion_matrix(truth, guess).tolist()
    assert written["void"] == int((~kept).sum())


def test_a_run_is_evaluated_on_what_it_held_out_and_on_other_data(
    run: Path, data: Path, tmp_path: Path
) -> None:
    model, opened = load_model(run), open_run(run)
    own = evaluate_run(opened, model, None, device="cpu")
    again = evaluate_run(opened, model, str(data), split="test", device="cpu")
    assert isinstance(own, MaskEvaluation) and isinstance(again, MaskEvaluation)
    assert own.scores == again.scores
    assert own.scores.samples == len(read_record(opened).description.splits["test"].names)
    others = evaluate(model, two_folders(tmp_path / "others", count=5), device="cpu")
    assert isinstance(others.scores, MaskScores)
    assert others.scores.samples == 5 and others.scores.mean_iou > 0.7
    with pytest.raises(
        BadData, match=r"1 file .* cannot be used:\n.*00\.jpg: 2,240 of its pixels have the value 7"
    ):
        odd = two_folders(tmp_path / "odd", count=3)
        saved(odd / "masks" / "00.png", np.full((40, 56), 7, np.uint8))
        evaluate(model, odd, device="cpu")


def test_the_worst_pictures_come_first_with_their_panels(run: Path) -> None:
    written = json.loads((run / "evaluation" / "val.json").read_text())
    shares = [one["mean_iou"] for one in written["worst"]]
    assert shares == sorted(shares)
    for one in written["worst"]:
        sizes = {size_of(run / one[name]) for name in ("image", "truth", "prediction", "error")}
        assert sizes == {(56, 40)}


def test_masks_are_written_as_they_came_in_for_pictures_of_any_size(run: Path, tmp_path: Path) -> None:
    big = tmp_path / "in" / "deep" / "big.png"
    saved(big, np.tile(blobs(1)[0][0], (20, 18, 1)))  # 800 × 1008: by windows
    saved(tmp_path / "in" / "one.png", np.full((1, 1, 3), 90, np.uint8))
    (tmp_path / "in" / "bad.png").write_text("no picture")
    found = list(predict(load_model(run), tmp_path / "in", out=tmp_path / "out", device="cpu", flips=True))
    assert all(isinstance(one, MaskPrediction) for one in found)
    bad, large, single = found
    assert bad.error and isinstance(large, MaskPrediction) and isinstance(single, MaskPrediction)
    assert large.masks == (str(tmp_path / "out" / "masks" / "deep" / "big.png"),)
    mask = np.asarray(Image.open(large.masks[0]))
    assert mask.shape == (800, 1008) and set(np.unique(mask)) <= {0, 1, 2, 3}
    assert large.overlay is not None and size_of(large.overlay) == (1008, 800)
    assert sum(area.pixels for area in large.areas) == 800 * 1008
    assert np.asarray(Image.open(single.masks[0])).shape == (1, 1)
    table = (tmp_path / "out" / "areas.csv").read_text().splitlines()
    assert table[0] == "file,class,pixels,share" and len(table) == 1 + 2 * 4


def test_the_last_layer_begins_at_the_shares_of_the_classes(network: str, data: Path) -> None:
    plan = make_plan(data, settings(network), skip_bad=False, tell=silent)
    assert isinstance(plan.task, Segmentation)
    pixels = np.array(list(plan.task.source.splits["train"].pixels().values()))
    began = plan.network.get_parameter("head.bias").softmax(0).tolist()
    assert began == pytest.approx((pixels / pixels.sum()).tolist(), rel=1e-4)


def test_a_network_is_examined_on_masks(data: Path, network: str, run: Path) -> None:
    subject = open_subject(network, data=str(data))
    assert subject.batch[1].ndim == 3 and subject.words.startswith("20 training pictures")
    found = examine(subject.model, subject.batch, loss=subject.loss, depth="still")
    assert found.verdict == "trains"
    again = open_subject(str(run))
    assert again.steps == 25 * (20 // 4)
    assert torch.equal(again.batch[1].unique(), torch.tensor([0, 1, 2, 3, VOID]))


@pytest.mark.parametrize("step", [3, 8])
def test_stopped_in_mid_epoch_it_ends_as_if_it_had_not_been(
    step: int, network: str, data: Path, tmp_path: Path
) -> None:
    given = settings(network, epochs=2, crop=24, scale=0.75, augment="strong", loss="ce+dice")
    unbroken = train(data, given, run=tmp_path / "unbroken")[0].folder

    def show(row: Row) -> None:
        if isinstance(row, StepRow) and row.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="SIGTERM"):
        train(data, given, run=tmp_path / "run", show=show)
    torch.rand(100)  # what another program may have drawn since
    resume(tmp_path / "run")
    for file in ("model.safetensors", f"checkpoints/{checkpoints(unbroken / 'checkpoints')[0].name}"):
        ours, theirs = load_file(tmp_path / "run" / file), load_file(unbroken / file)
        names = ours.keys() - {"random/plain"}  # the checks of types draw from it
        assert [name for name in names if not torch.equal(ours[name], theirs[name])] == []
    scores = [(path / "evaluation" / "val.json").read_text() for path in (tmp_path / "run", unbroken)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("loss", ["ce", "dice", "focal", "boundary"])
def test_every_loss_trains(loss: LossName, network: str, data: Path, tmp_path: Path) -> None:
    weighted = loss != "dice"
    given = settings(
        network, epochs=3, optimizer="adamw", lr=0.01, loss=loss, class_weights=weighted, augment="none"
    )
    run, _ = train(data, given, run=tmp_path / "run", exam=False)
    losses = [row.train_loss for row in read_rows(run.metrics) if isinstance(row, EpochRow)]
    assert losses[-1] < 0.9 * losses[0]


def test_half_size_is_seen_and_the_own_size_is_scored(network: str, data: Path, tmp_path: Path) -> None:
    run, found = train(data, settings(network, epochs=1, scale=0.5, lr="auto"), run=tmp_path / "run")
    assert isinstance(found, MaskEvaluation)
    source = open_masks(data)
    assert isinstance(source, MaskSource)
    assert found.scores.pixels == int(source.splits["test"].counts.sum())
    assert load_model(run.folder).preprocess.scale == 0.5  # type: ignore[union-attr]


def test_a_set_that_is_all_void_here_and_there_does_not_stop_it(network: str, tmp_path: Path) -> None:
    root = tmp_path / "void"
    for index, (picture, mask) in enumerate(blobs(12)):
        saved(root / "images" / f"{index:02d}.png", picture)
        saved(root / "masks" / f"{index:02d}.png", np.full_like(mask, VOID) if index % 2 else mask)
    run, _ = train(root, settings(network, epochs=2, batch_size=2), run=tmp_path / "run")
    rows = [row for row in read_rows(run.metrics) if isinstance(row, EpochRow)]
    assert all(np.isfinite([row.train_loss, row.val_loss]).all() for row in rows)


def test_what_only_masks_have_is_refused_of_a_classifier(tmp_path: Path) -> None:
    run, _ = train("digits", Settings(epochs=1, model="resnet8_cifar", device="cpu"), run=tmp_path / "run")
    with pytest.raises(BadInput, match="--out and --flips are for masks"):
        predict(load_model(run.folder), tmp_path, out=tmp_path / "out")
