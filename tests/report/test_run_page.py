"""The report of a run: its numbers, whatever state the run is in, in one file that asks for nothing else."""

import html
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from shutil import which

import pytest

from residua.errors import BadRun
from residua.report import write
from tests.report.make_run import change_json, make_run, read_json

BROWSER = which("chromium") or which("chromium-browser") or which("google-chrome")


class Reader(HTMLParser):
    """What a page says and what it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.asks: list[str] = []
        self.silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self.silent = tag
        self.asks += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]

    def handle_endtag(self, tag: str) -> None:
        self.silent = "" if tag == self.silent else self.silent

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def read(page: Path) -> tuple[str, list[str]]:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return " ".join(" ".join(reader.words).split()), reader.asks


def test_the_numbers_are_those_of_the_run(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    words, _ = read(write(folder))
    found = read_json(folder / "evaluation" / "test.json")
    right = sum(found["confusion"][index][index] for index in range(10))
    assert f"{100 * right / found['samples']:.1f} %" in words
    assert f"{right:,} of {found['samples']:,}" in words
    for text in ("residua train digits --epochs 30", "272,186 parameters", "2.13.0", "resumed from step 300"):
        assert text in words, text
    weakest = min(found["per_class"], key=lambda score: score["f1"])
    assert f"Weakest is {weakest['name']}, with an F1 of {100 * weakest['f1']:.1f} %" in words


def test_every_choice_made_for_the_user_is_there_with_its_reason(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    words, _ = read(write(folder))
    config = read_json(folder / "config.json")
    for name, reason in config["chosen"].items():
        assert reason in words, name


def test_it_asks_for_nothing_but_itself(tmp_path: Path) -> None:
    page = write(make_run(tmp_path / "run"))
    asks = read(page)[1]
    assert asks
    assert [ask for ask in asks if not ask.startswith(("data:", "#"))] == []
    assert re.findall(r"url\((?!['\"]?data:)|@import|fetch\(|XMLHttpRequest", page.read_text()) == []


def test_names_are_text_and_not_markup(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    folder = make_run(tmp_path / "run", classes=[evil, "b & c", '"q"'])
    page = write(folder)
    assert evil not in page.read_text()
    assert evil in html.unescape(page.read_text())
    assert "x" not in read(page)[1]


def test_a_thumbnail_outside_the_folder_is_not_shown(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", accuracy=0.5)
    found = read_json(folder / "evaluation" / "test.json")
    secret = folder / "evaluation" / "test" / "000.png"
    (tmp_path / "secret.png").write_bytes(secret.read_bytes())
    before = write(folder).read_text().count("data:image/png")
    found["mistakes"][0]["thumbnail"] = "../secret.png"
    (folder / "evaluation" / "test.json").write_text(json.dumps(found))
    assert write(folder).read_text().count("data:image/png") == before - 1


@pytest.mark.parametrize("epochs", [0, 1, 12])
def test_a_run_that_stopped_has_its_page_and_says_how_to_go_on(epochs: int, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", epochs=epochs, planned=30, evaluated=False)
    words, _ = read(write(folder))
    assert f"after {epochs} of 30 epochs" in words
    assert f"residua resume {folder}" in words


def test_a_run_that_diverged_says_what_happened(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", epochs=3, planned=30, evaluated=False)
    with (folder / "metrics.jsonl").open("a") as rows:
        rows.write('{"kind": "event", "step": 61, "text": "the loss is nan; first: stage2.1.norm2"}\n')
        rows.write('{"kind": "step", "step": 62, "lo')
    words, _ = read(write(folder))
    assert "The last thing that happened: the loss is nan; first: stage2.1.norm2." in words


@pytest.mark.parametrize("classes", [2, 30, 1000])
def test_two_classes_and_a_thousand_fit(classes: int, tmp_path: Path) -> None:
    names = [f"class {index}" for index in range(classes)]
    folder = make_run(tmp_path / "run", classes=names, per_class=4, accuracy=0.7)
    page = write(folder)
    assert all(name in page.read_text() for name in names)
    assert page.stat().st_size < 3_000_000


def test_a_perfect_score_has_an_interval_below_it_and_no_mistakes(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", accuracy=1.0)
    words, _ = read(write(folder))
    assert "100 %" in words
    assert "95 %" in words


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "data.json").write_text("{")
    with pytest.raises(BadRun, match=r"data\.json"):
        write(folder)


def test_what_a_later_version_adds_does_no_harm(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    change_json(folder / "data.json", invented={"later": 1})
    assert "Confusion" in read(write(folder))[0]


def test_the_title_has_the_name_of_the_data_and_not_where_they_lie(tmp_path: Path) -> None:
    page = write(make_run(tmp_path / "run", data="pictures/of the garden/leaves/"))
    assert "<h1>resnet20_cifar on leaves</h1>" in page.read_text()
    assert "pictures/of the garden/leaves/" in read(page)[0]


def test_a_best_that_reads_like_the_last_is_not_said(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", epochs=0)
    with (folder / "metrics.jsonl").open("a") as rows:
        for epoch, accuracy in ((1, 0.84504), (2, 0.84501)):
            rows.write(json.dumps({"kind": "epoch", "epoch": epoch, "val_accuracy": accuracy}) + "\n")
    words = read(write(folder))[0].replace("\xa0", " ")
    assert "Validation accuracy ends at 84.5 %." in words


def test_an_event_has_its_place_on_the_axis_of_the_charts(tmp_path: Path) -> None:
    assert "epoch 15, step 300 resumed from step 300" in read(write(make_run(tmp_path / "run")))[0]


def test_the_legend_of_the_learning_rate_says_how_high_it_was(tmp_path: Path) -> None:
    words, _ = read(write(make_run(tmp_path / "run")))
    assert "Learning rate highest 0.09" in words
    assert "Loss (cross-entropy) each step training" in words


def measured(page: Path, width: int, script: str) -> int:
    """Return what a script finds in `page`, which is as wide as a screen of `width` pixels."""
    # A browser without a screen keeps its windows wider than a phone; a frame may be as narrow as one.
    frame = (
        f'<iframe id="page" width="{width}" height="4000" srcdoc="{html.escape(page.read_text())}"></iframe>'
    )
    script = f"onload = () => {{ const shown = page.contentDocument; document.title = {script} }}"
    outer = page.with_name("frame.html")
    outer.write_text(f"<!doctype html><body>{frame}<script>{script}</script>")
    words = "--headless --no-sandbox --disable-gpu --dump-dom --virtual-time-budget=5000"
    profile = f"--user-data-dir={page.with_name('profile')}"
    done = subprocess.run(
        [str(BROWSER), *words.split(), profile, outer.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    title = re.search(r"<title>(\d+)</title>", done.stdout)
    assert title is not None
    return int(title[1])


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here; scripts/browser installs one")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge(width: int, tmp_path: Path) -> None:
    names = [f"a class with a long name, number {index}" for index in range(12)]
    page = write(make_run(tmp_path / "run", classes=names))
    assert measured(page, width, "shown.documentElement.scrollWidth") <= width


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here; scripts/browser installs one")
def test_the_confusions_of_ten_classes_are_seen_whole_on_a_phone(tmp_path: Path) -> None:
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    page = write(make_run(tmp_path / "run", classes=names, per_class=900, accuracy=0.8))
    hidden = "(box => box.scrollWidth - box.clientWidth)(shown.querySelector('.matrix').parentElement)"
    assert measured(page, 390, hidden) == 0
