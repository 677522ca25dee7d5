"""Every rate stands with what it is over."""

from io import StringIO

import torch
from rich.console import Console

from residua.cli.evaluate import show
from residua.objective import score
from residua.training import Evaluation


def printed(guesses: list[int], labels: list[int], classes: tuple[str, ...]) -> str:
    scores = score(torch.eye(len(classes))[guesses], torch.tensor(labels), classes)
    out = StringIO()
    show(Console(file=out, width=80), Evaluation(data="photos", split="test", scores=scores, mistakes=()))
    return out.getvalue()


def test_every_rate_says_what_it_is_over() -> None:
    lines = [" ".join(line.split()) for line in printed([0, 0, 1], [0, 1, 1], ("a", "b", "c")).splitlines()]
    assert "photos, test: 3 pictures" in lines
    assert "top-5 accuracy - with 3 classes five guesses are always right" in lines
    assert "macro F1 0.6667 mean over 2 classes, 3 pictures" in lines
    assert any(line.endswith("3 pictures in 15 bins") for line in lines)
    assert "class pictures recall guesses precision F1" in lines
    assert "a 1 1.0000 2 0.5000 0.6667" in lines
    assert "c 0 - 0 - 0.0000" in lines


def test_one_is_not_many() -> None:
    assert "1 pictures" not in printed([0], [0], ("a", "b"))
