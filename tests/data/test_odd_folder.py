"""A folder of photos as people have them: every broken file is named, every odd one is read."""

from pathlib import Path

import pytest

from residua.data import check
from residua.errors import BadData
from residua.training import Settings, train
from tests.data.odd import Odd, write_broken, write_odd

SETTINGS = Settings(epochs=1, image_size=16, device="cpu")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Odd], list[Odd]]:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("broken", "odd", "cats"):
        (folder / name).mkdir()
    broken = list(write_broken(folder / "broken"))
    odd = list(write_odd(folder / "odd"))
    for index, one in enumerate(write_odd(folder / "cats")):
        if index % 3:
            (folder / "cats" / one.name).unlink()
    for one in odd:  # a class must have something that can be read in each split
        (folder / "broken" / f"sound_{one.name}").write_bytes((folder / "odd" / one.name).read_bytes())
    return folder, broken, odd


def test_check_names_each_broken_file_and_no_odd_one(photos: tuple[Path, list[Odd], list[Odd]]) -> None:
    folder, broken, odd = photos
    found = check(folder)
    reasons = {file.name: file.reason for file in found.bad}
    assert reasons.keys() == {f"broken/{one.name}" for one in broken}
    assert all(one.reason in reasons[f"broken/{one.name}"] for one in broken)
    assert len(broken) >= 25 and len(odd) >= 60


def test_training_stops_before_the_first_step_and_names_them(
    photos: tuple[Path, list[Odd], list[Odd]], tmp_path: Path
) -> None:
    folder, broken, _ = photos
    with pytest.raises(BadData, match=f"{len(broken)} pictures in .* cannot be read") as refusal:
        train(folder, SETTINGS, run=str(tmp_path / "run"))
    assert "--skip-bad" in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_training_goes_without_them_when_asked_to(
    photos: tuple[Path, list[Odd], list[Odd]], tmp_path: Path
) -> None:
    folder, broken, odd = photos
    run, evaluation = train(folder, SETTINGS, run=str(tmp_path / "run"), skip_bad=True)
    assert evaluation.scores.samples > 0
    assert f"{len(broken)} unreadable pictures left out" in run.data.read_text()
    assert len(odd) >= 60
