"""A run's own data is known again, however it is named and from wherever it is asked for."""

import os
import shutil
from pathlib import Path

import pytest

from residua.errors import BadData, BadRun
from residua.runs import Run, load_model
from residua.training import Settings, evaluate, predict, resume, train
from residua.training.scoring import evaluate_run
from tests.training.photos import make_photos


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and a run on them, that named them by a relative path."""
    folder = tmp_path_factory.mktemp("work")
    make_photos(folder / "photos", each=10)
    (folder / "link").symlink_to("photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train("photos", Settings(epochs=1, batch_size=8, device="cpu"), run="mine")
    return folder


def scored(where: Path, data: str | None, split: str | None = None) -> tuple[str, int]:
    run = Run(where / "runs" / "mine")
    found = evaluate_run(run, load_model(run.folder), data, split=split, device="cpu")
    return found.split, found.scores.samples


@pytest.mark.parametrize(
    "name", [None, "photos", "photos/", "./photos", "link", "{}/photos", "../{}/photos/."]
)
def test_every_name_of_the_data_gives_the_split_that_was_held_out(
    name: str | None, where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(where)
    absolute = name and name.replace("../{}", f"../{where.name}").replace("{}", str(where))
    assert scored(where, absolute) == ("test", 2)


def test_a_copy_elsewhere_is_the_same_data_and_other_pictures_are_not(where: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(where / "photos", tmp_path / "copy")
    assert scored(where, str(copy)) == ("test", 2)
    assert scored(where, str(make_photos(tmp_path / "others", each=3))) == ("all", 6)


def test_the_data_is_found_from_another_folder(
    where: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert scored(where, None) == ("test", 2)
    resume(where / "runs" / "mine")


def test_data_that_moved_away_is_asked_for(where: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(where, tmp_path / "moved", symlinks=True)
    record = moved / "runs" / "mine" / "data.json"
    record.write_text(
        record.read_text().replace(f"{where}/photos", "/nowhere").replace('"photos"', '"nowhere"')
    )
    with pytest.raises(BadData, match=r"no longer at /nowhere.*resume RUN --data DATA"):
        scored(moved, None)
    resume(moved / "runs" / "mine", data=moved / "photos")
    assert scored(moved, None) == ("test", 2)


def test_public_functions_take_text_and_paths_alike(where: Path) -> None:
    run = where / "runs" / "mine"
    picture = where / "photos" / "cat" / "00.png"
    model = load_model(str(run))
    assert load_model(run).classes == model.classes
    assert evaluate(model, str(where / "photos")) == evaluate(model, str(where / "photos"), device="cpu")
    answers = [list(predict(model, files)) for files in (picture, str(picture), [picture], (str(picture),))]
    assert all(answer == answers[0] for answer in answers)
    assert os.fspath(resume(str(run))[0].folder) == str(run)


def test_a_record_that_cannot_be_read_is_a_sentence(where: Path, tmp_path: Path) -> None:
    run = Run(shutil.copytree(where / "runs" / "mine", tmp_path / "run"))
    run.data.write_text("{")
    with pytest.raises(BadRun, match="the file is damaged"):
        evaluate_run(run, load_model(run.folder), None)
    with pytest.raises(BadRun, match="the file is damaged"):
        resume(run.folder)
