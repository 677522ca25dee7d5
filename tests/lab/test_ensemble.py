"""What a part is worth is measured where arithmetic says it, and rows are the means of what was measured."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import nn

from residua.lab import ensemble, lesioned
from residua.lab.ensemble import Ensemble
from residua.lab.ensemble_rows import length_rows, standing, summary
from residua.lab.fitting import Fit
from residua.lab.lesioned import Lesioned, Misses, Task
from residua.lab.networks import untrained
from residua.lab.samples import samples
from residua.look import PathRow

TASK = Task("sum", 8, 0, True, "digits", "cpu")


@pytest.fixture(scope="module")
def result() -> Iterator[Ensemble]:
    """Networks of an epoch, measured in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesioned, "usual_fit", lambda _: Fit(epochs=2))
        patch.setattr(ensemble, "on_all_cores", lambda work, tasks, **_: [work(task) for task in tasks])
        yield ensemble.ensemble(depths=(14, 8), quick=True)


def test_every_part_that_can_go_has_a_row(result: Ensemble) -> None:
    assert [row.network for row in result.rows] == ["plain-8", "residual-14"]
    assert [part.part for part in result.parts_of("plain-8")] == [
        "stage1.0.branch.conv1",
        "stage1.0.branch.conv2",
        "stage2.0.branch.conv2",
        "stage3.0.branch.conv2",
    ]
    blocks = result.parts_of("residual-14")
    assert [part.position for part in blocks] == pytest.approx([(place + 0.5) / 6 for place in range(6)])
    assert [part.first for part in blocks] == [True, False] * 3


def test_layers_stand_between_the_ends_of_their_block() -> None:
    halves = [standing(f"stage2.1.branch.conv{layer}", "stage3.2.sum")[0] for layer in (1, 2)]
    whole, _ = standing("stage2.1.sum", "stage3.2.sum")
    assert halves == pytest.approx([whole - 1 / 36, whole + 1 / 36])


def test_paths_are_counted_by_their_length(result: Ensemble) -> None:
    rows = result.lengths_of("residual-14")
    assert [row.paths for row in rows] == [1, 6, 15, 20, 15, 6, 1]
    assert sum(row.share_of_gradient for row in rows) == pytest.approx(1)
    assert rows[0].factor == 1
    assert (result.plain.blocks, result.plain.blocks_by_gradient) == (3, 3)
    assert result.deepest.blocks == 3


def test_several_blocks_and_swaps(result: Ensemble) -> None:
    found = [(row.change, row.count) for row in result.several]
    assert found == [(change, count) for change in ("deleted", "swapped") for count in (1, 2, 4)]
    assert all((row.kendall == 1) == (row.change == "deleted") for row in result.several if row.count == 1)


def test_one_block_a_stage_cannot_be_swapped() -> None:
    found = lesioned.without_blocks(untrained(8, "sum", samples(), seed=0).eval(), samples(), TASK)
    assert found.swapped == ()
    assert [row.length for row in found.paths] == [0, 1, 2, 3]


def test_a_block_that_adds_nothing_can_be_spared() -> None:
    model = untrained(8, "sum", samples(), seed=0).eval()
    nn.init.zeros_(model.get_submodule("stage2.0.sum.branch.norm2").get_parameter("weight"))
    found = lesioned.without_blocks(model, samples(), TASK)
    assert found.removed[1].change == 0
    assert any(row.change != 0 for row in found.removed)


def test_a_layer_that_changes_nothing_can_be_spared() -> None:
    model = untrained(8, "none", samples(), seed=0).eval()
    nn.init.dirac_(model.get_submodule("stage1.0.branch.conv1").get_parameter("weight"))
    found = lesioned.without_layers(model, samples())
    assert found.removed[0].change == 0
    assert any(row.change != 0 for row in found.removed)


def test_statistics_that_are_counted_again_forget_the_old_ones() -> None:
    model = untrained(8, "none", samples(), seed=0).eval()
    recount = Misses(samples(), recount=True)
    whole = recount(model)
    model.get_submodule("stem.norm").get_buffer("running_mean").fill_(100)
    assert recount(model) == whole
    assert not any(module.training for module in model.modules())


def test_a_large_loss_has_the_same_direction() -> None:
    outputs = torch.randn(4, 3, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 0])
    (plain,) = torch.autograd.grad(nn.functional.cross_entropy(outputs, labels), outputs)
    (large,) = torch.autograd.grad(lesioned.enlarged(outputs, labels), outputs)
    torch.testing.assert_close(large, plain * 2**50)


def test_one_factor_a_block_gives_the_binomial_of_theory() -> None:
    """Six blocks that halve: path lengths weigh as C(6, k) / 2^k, with mean 6 r / (1 + r) = 2."""
    shares = [count / 2**k / 1.5**6 for k, count in enumerate((1, 6, 15, 20, 15, 6, 1))]
    paths = tuple(PathRow(k, 1, 7 / 2**k, 1 / 7, share) for k, share in enumerate(shares))
    runs = [Lesioned(0.0, *2 * (without(1.0, 2.0, 9.0),), paths=paths)] * 2
    row = summary("sum", 14, runs)
    assert row.blocks_by_gradient == pytest.approx(2)
    assert (row.rise, row.rise_deviation) == (2, 0)
    assert [row.factor for row in length_rows("residual-14", runs)][1:] == pytest.approx([0.5] * 6)


def without(*changes: float) -> tuple[lesioned.LesionRow, ...]:
    return tuple(lesioned.LesionRow((f"stage1.{k}.sum",), 0.0, change) for k, change in enumerate(changes))


def test_the_range_that_carries_the_gradient_is_the_shortest(result: Ensemble) -> None:
    shares = (0.02, 0.5, 0.4, 0.06, 0.02, 0, 0)
    rows = [replace(row, share_of_gradient=share) for row, share in zip(result.lengths, shares, strict=True)]
    assert replace(result, lengths=tuple(rows)).carrying() == (1, 3, pytest.approx((6 + 15 + 20) / 64))


def test_a_dead_network_holds_nothing_and_is_still_written(result: Ensemble) -> None:
    paths = tuple(PathRow(k, 1, 0.0, 1 / 7, 0.0) for k in range(7))
    rows = tuple(length_rows("residual-14", [Lesioned(90.0, (), (), paths=paths)]))
    dead = replace(result, lengths=rows)
    assert math.isnan(rows[-1].factor)
    assert dead.carrying()[:2] == (0, 6)
    assert dead.plot().axes
    assert json.loads(dead.json())["lengths"][-1]["factor"] is None


def test_what_the_bounds_are(result: Ensemble) -> None:
    held, bare = result.deepest, result.plain
    good = replace(held, rise=2.0, blocks=3.0, blocks_by_gradient=1.5), replace(bare, rise=60.0)
    assert replace(result, rows=good[::-1]).holds
    assert not replace(result, rows=(replace(good[1], rise=59.0), good[0])).holds
    assert not replace(result, rows=(good[1], replace(good[0], rise=2.5))).holds
    # Of two classes nobody can miss more than half.
    few = replace(result, data="pictures", guess=50.0, rows=(replace(bare, error=10.0), held))
    assert few.checks[1].at_least == 20


def test_it_is_written_and_drawn(result: Ensemble) -> None:
    assert result.guess == 90
    assert [line[0] for line in result.table().lines] == ["plain-8", "residual-14"]
    assert json.loads(result.json())["rows"][1]["network"] == "residual-14"
    assert [axis.get_title(loc="left") for axis in result.plot().axes] == [
        "A block can be spared, a layer cannot",
        "The error rises step by step",
        "Short paths carry the gradient",
    ]
