"""What is decided before a run begins, and what is refused before the pictures are read."""

from pathlib import Path

import pytest

from residua.errors import BadInput, BadRun, Interrupted, ResiduaError, UnknownName
from residua.training import Settings, train
from residua.training import plan as planning
from residua.training.kernels import kernels
from residua.training.plan import make_plan
from residua.training.tasks import classification, opening
from residua.training.tasks.usual import usual_choices
from tests.training.photos import make_photos


def quiet(*_: object) -> None:
    pass


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (Settings(model="resnet51"), UnknownName),
        (Settings(model="none.json"), BadInput),
        (Settings(lr=-1.0), BadInput),
        (Settings(device="tpu"), BadInput),
    ],
)
def test_a_bad_option_is_refused_before_the_data_is_opened(
    settings: Settings, error: type[ResiduaError], tmp_path: Path
) -> None:
    with pytest.raises(error):
        train(tmp_path / "there is no data", settings)


def test_a_place_that_cannot_be_written_is_refused_before_the_data_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").touch()
    for run in (None, "mine", "./runs/mine"):
        with pytest.raises(BadRun, match="--run"):
            train(tmp_path / "there is no data", run=run)


def test_a_network_that_is_too_large_for_the_pictures_is_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classification, "load", lambda *_, **__: pytest.fail("the pictures were read"))
    photos = make_photos(tmp_path / "photos")
    with pytest.raises(BadInput, match="at least 17 × 17"):
        make_plan(photos, Settings(model="resnet50", device="cpu"), skip_bad=False, tell=quiet)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ("photos", Settings(model="unet"), "unet gives a class for every pixel"),
        ("photos", Settings(crop=32), "--crop is for pictures with masks"),
        ("photos", Settings(void="255"), "--void is for pictures with masks"),
        ("scenes", Settings(model="resnet18"), "resnet18 gives one class a picture"),
        ("scenes", Settings(mixup=0.2), "--mixup is for one class a picture"),
        ("scenes", Settings(recipe="fast"), "--recipe is for one class a picture"),
        ("scenes", Settings(early_size=0.5), "--early-size is for one class a picture"),
        ("scenes", Settings(image_size=32), "--image-size .* --crop and --scale say what is seen"),
        ("scenes", Settings(model="unet", zero_init=True), "residual encoders; unet has none"),
    ],
)
def test_what_belongs_to_the_other_task_is_refused_before_the_pictures_are_read(
    data: str, settings: Settings, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("open_data", "open_masks"):
        monkeypatch.setattr(opening, name, lambda *_, **__: pytest.fail("the pictures were read"))
    make_photos(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=message):
        make_plan(data, settings, skip_bad=False, tell=quiet)


def test_what_is_done_before_the_training_is_told_with_its_count(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    photos = make_photos(tmp_path / "photos")
    settings = Settings(device="cpu", batch_size="auto", lr="auto")
    make_plan(photos, settings, skip_bad=False, tell=lambda *news: told.append(news))
    doing = list(dict.fromkeys(name for name, _, _ in told))
    assert doing == [
        "looking at the pictures",
        "reading pictures",
        "looking for the batch that fits",
        "looking for a learning rate",
    ]
    assert ("reading pictures", 24, 24) in told
    assert ("looking for a learning rate", 1, 100) in told


@pytest.mark.parametrize("each", [3, 12])
def test_a_batch_is_found_for_any_number_of_pictures_and_the_reason_is_true(
    each: int, tmp_path: Path
) -> None:
    photos = make_photos(tmp_path / "photos", each=each)
    plan = make_plan(photos, Settings(device="cpu", batch_size="auto"), skip_bad=False, tell=quiet)
    count = len(plan.task.source.splits["train"])
    assert plan.recipe.batch_size == min(16, count)
    assert plan.chosen["batch_size"].startswith("16 to 512 by the size of the set; ")
    assert plan.recipe.lr == pytest.approx(0.2 * (plan.recipe.batch_size / 128) ** 0.5, rel=1e-4)


def test_a_batch_that_memory_limits_has_the_learning_rate_of_that_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "fitting_batch", lambda *_: (8, "9.0 MB a picture, 0.2 GB free"))
    photos = make_photos(tmp_path / "photos")
    plan = make_plan(photos, Settings(device="cpu", batch_size="auto"), skip_bad=False, tell=quiet)
    assert plan.recipe.batch_size == 8
    assert plan.recipe.lr == pytest.approx(0.05)
    assert plan.chosen["batch_size"].startswith("the most that fits: 9.0 MB a picture")


def test_ctrl_c_while_pictures_are_read_is_a_sentence(tmp_path: Path) -> None:
    def tell(doing: str, done: int, total: int) -> None:
        if doing == "reading pictures":
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="before the first step, so nothing was saved"):
        train(make_photos(tmp_path / "photos"), Settings(device="cpu"), run=tmp_path / "run", tell=tell)
    assert not (tmp_path / "run").exists()


def test_kernels_that_cannot_be_made_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    kernels.cache_clear()
    try:
        with pytest.raises(BadInput, match=r"--kernels: there is no C\+\+ compiler here .* or leave it out"):
            train("digits", Settings(kernels=True), run=tmp_path / "run")
        assert usual_choices(Settings(device="cpu"))["kernels"] == (False, "there is no C++ compiler here")
    finally:
        kernels.cache_clear()
