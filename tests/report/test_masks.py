"""The report of a run on masks: its numbers are those of the run, and it is one file that asks for nothing else."""

import re
from pathlib import Path

import numpy as np
import pytest

from residua.report import write
from tests.report.make_mask_run import make_mask_run
from tests.report.make_run import change_json, make_run, read_json
from tests.report.test_run_page import BROWSER, measured, read

CAMVID = [
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
]


def said(page: Path) -> str:
    return read(page)[0].replace("\xa0", " ").replace("\u2060", "")


def test_the_numbers_are_those_of_the_run(tmp_path: Path) -> None:
    folder = make_mask_run(tmp_path / "run", classes=CAMVID)
    words = said(write(folder))
    found = read_json(folder / "evaluation" / "test.json")
    assert f"Mean IoU (test) {100 * found['mean_iou']:.1f} %" in words
    matrix = np.array(found["confusion"])
    assert f"{matrix.sum() / 1000:.3g} k pixels with a class" in words
    baseline = matrix.sum(1).max() / matrix.sum() / 11
    assert f"Always guessing sky, the largest class, would get {100 * baseline:.1f} %" in words
    weakest = min(found["per_class"], key=lambda one: one["iou"])
    assert f"Weakest is {weakest['name']}, with an IoU of {100 * weakest['iou']:.1f} %" in words
    assert "Validation mean IoU ends at 91.5 %" in words
    assert "training (ce+dice)" in words
    assert "14,300,000 parameters" in words


def test_the_worst_pictures_come_first_each_with_four_panels(tmp_path: Path) -> None:
    folder = make_mask_run(tmp_path / "run")
    page = write(folder)
    text = page.read_text()
    worst = read_json(folder / "evaluation" / "test.json")["worst"]
    assert text.count('src="data:image/') == 4 * len(worst)
    places = [text.index(f'alt="error of {one["name"]}"') for one in worst]
    assert places == sorted(places)
    assert f"mean IoU {100 * worst[0]['mean_iou']:.1f} %" in said(page)


ENCODINGS = {
    "values": ({"kind": "values", "values": [0, 7], "void": [255]}, ["ground 0", "cell 7", "void 255"]),
    "colours": ({"kind": "colours", "values": [0, 0xFF0010], "void": []}, ["ground #000000", "cell #ff0010"]),
    "files": (
        {"kind": "files", "values": [0, 1], "layers": ["zelle"]},
        ["ground in no file", "cell files zelle"],
    ),
}


@pytest.mark.parametrize("case", ENCODINGS.values(), ids=ENCODINGS)
def test_what_the_masks_mean_is_shown(tmp_path: Path, case: tuple[dict[str, object], list[str]]) -> None:
    encoding, wanted = case
    classes = ["ground", "cell"]
    folder = make_mask_run(tmp_path / "run", evaluated=False, encoding={"classes": classes} | encoding)
    words = said(write(folder))
    assert all(text in words for text in wanted), words
    assert "drawn from seed 0" in words


def test_shares_are_of_all_pixels_void_ones_too(tmp_path: Path) -> None:
    folder = make_mask_run(tmp_path / "run", evaluated=False)
    split = {"samples": 4, "pixels": {"a": 50, "b": 25}, "void": 25}
    change_json(folder / "data.json", splits={"train": split})
    change_json(
        folder / "data.json",
        encoding={"kind": "values", "classes": ["a", "b"], "values": [0, 1], "void": [9]},
    )
    assert re.search(r"a 0 50\.0 % b 1 25\.0 % void 9 25\.0 %", said(write(folder)))


@pytest.mark.parametrize("epochs", [0, 1, 7])
def test_a_run_that_stopped_has_its_page_and_says_how_to_go_on(epochs: int, tmp_path: Path) -> None:
    folder = make_mask_run(tmp_path / "run", epochs=epochs, planned=30, evaluated=False)
    words = said(write(folder))
    assert f"after {epochs} of 30 epochs" in words
    assert f"residua resume {folder}" in words
    assert ("Mean IoU (validation" in words) == bool(epochs)


def test_a_class_that_neither_truth_nor_prediction_has_is_no_zero(tmp_path: Path) -> None:
    folder = make_mask_run(tmp_path / "run")
    found = read_json(folder / "evaluation" / "test.json")
    absent = found["per_class"][3] | {"iou": None, "dice": None, "boundary_iou": None, "pixels": 0}
    change_json(folder / "evaluation" / "test.json", per_class=[*found["per_class"][:3], absent])
    assert f"{absent['name']} – – – 0" in said(write(folder))


def test_panels_outside_the_folder_are_not_shown(tmp_path: Path) -> None:
    folder = make_mask_run(tmp_path / "run")
    found = read_json(folder / "evaluation" / "test.json")
    (tmp_path / "secret.png").write_bytes((folder / found["worst"][0]["truth"]).read_bytes())
    before = write(folder).read_text().count("data:image/png")
    found["worst"][0]["truth"] = "../secret.png"
    change_json(folder / "evaluation" / "test.json", worst=found["worst"])
    assert write(folder).read_text().count("data:image/png") == before - 1


def test_names_are_text_and_it_asks_for_nothing_but_itself(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    folder = make_mask_run(tmp_path / "run", classes=[evil, *CAMVID[1:]])
    page = write(folder)
    assert evil not in page.read_text()
    assert [ask for ask in read(page)[1] if not ask.startswith(("data:", "#"))] == []


def test_a_run_on_whole_pictures_has_no_word_of_masks(tmp_path: Path) -> None:
    words = said(write(make_run(tmp_path / "run")))
    assert "IoU" not in words
    assert "pixels right" not in words


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here; scripts/browser installs one")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge(width: int, tmp_path: Path) -> None:
    names = [f"a class with a long name, number {index}" for index in range(11)]
    page = write(make_mask_run(tmp_path / "run", classes=names))
    assert measured(page, width, "shown.documentElement.scrollWidth") <= width
