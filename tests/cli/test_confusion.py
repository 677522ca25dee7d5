"""The confusion matrix on screens of different widths."""

import io

import pytest
import torch
from rich.console import Console

from residua.cli.confusion import confusion
from residua.objective import Scores, score

ANIMALS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def scored(classes: tuple[str, ...], count: int = 200) -> Scores:
    labels = torch.arange(count) % len(classes)
    return score(torch.randn(count, len(classes)), labels, classes)


def printed(scores: Scores, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(confusion(scores, width))
    return file.getvalue()


@pytest.mark.parametrize("classes", [("a", "b"), ANIMALS, tuple(str(digit) for digit in range(10))])
@pytest.mark.parametrize("width", [80, 160])
def test_every_name_and_every_count_is_whole(classes: tuple[str, ...], width: int) -> None:
    scores = scored(classes)
    said = printed(scores, width)
    assert "…" not in said
    rows = [line.split() for line in said.splitlines() if line.strip()][-len(classes) :]
    assert [[int(cell) for cell in row[-len(classes) :]] for row in rows] == [
        list(row) for row in scores.confusion
    ]
    assert all(name in row for name, row in zip(classes, rows, strict=True))


def test_classes_have_numbers_only_where_their_names_do_not_fit() -> None:
    assert "1 airplane" in printed(scored(ANIMALS), 80)
    assert "1 airplane" not in printed(scored(ANIMALS), 160)


def test_a_name_is_cut_beside_its_number_and_brackets_are_text() -> None:
    said = printed(scored(("[red]" + "x" * 100, "b", "c")), 80)
    assert "1 [red]xxx" in said
    assert max(map(len, said.splitlines())) <= 80


def test_what_does_not_fit_at_all_is_said() -> None:
    classes = tuple(f"class {index}" for index in range(60))
    assert (
        printed(scored(classes), 80) == "the confusions of 60 classes need a wider screen; --json has them\n"
    )
