"""The joins of small networks are measured as they are, and a claim that does not hold is found out."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.data import scenes
from residua.lab import architectures, long_skips, trained_joins
from residua.lab.architectures import Architectures
from residua.lab.fitting import Fit
from residua.lab.long_skips import Overlaps, Segmented
from residua.nets.build import build
from residua.nets.spec import UNetSpec
from residua.parts import joins


def one_by_one(work: Callable[[Any], Any], tasks: Iterable[Any], *, device: str) -> list[Any]:
    """Stand in for `on_all_cores`, whose processes would know nothing of smaller sizes."""
    return [work(task) for task in tasks]


@pytest.fixture(scope="module")
def result() -> Iterator[Architectures]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TRAIN": 16, "TEST": 4, "EPOCHS": 1}.items():
            patch.setattr(long_skips, name, value)
        patch.setattr(trained_joins, "usual_fit", lambda _: Fit(epochs=1))
        patch.setattr(trained_joins, "halved", lambda how: replace(how, epochs=1))
        patch.setattr(architectures, "on_all_cores", one_by_one)
        yield architectures.architectures(depths=(8, 14), quick=True)


def test_every_join_has_its_row(result: Architectures) -> None:
    assert [(row.network, row.block) for row in result.blocks] == [
        ("residual-14", block) for block in range(1, 7)
    ]
    assert [(row.skips, row.cut) for row in result.rows] == [
        *(("concat", None), ("none", None)),
        *(("concat", 48), ("concat", 24), ("concat", 12)),
    ]
    assert len(result.sources) == 2 * sum(range(1, trained_joins.LAYERS + 2))


def test_the_stream_grows_before_training_and_the_branches_do_not(result: Architectures) -> None:
    """A branch ends in a batch norm, so its share falls within a stage."""
    for first in (0, 2, 4):
        assert result.blocks[first].untrained > result.blocks[first + 1].untrained


def test_the_first_layer_of_a_block_has_one_source_alone(result: Architectures) -> None:
    assert [row.relative for row in result.sources if row.place == 1] == [1, 1]
    assert all(0 < row.relative <= 1 for row in result.sources)


def test_a_training_of_a_moment_does_not_hold(result: Architectures) -> None:
    """Two steps teach a U-Net nothing."""
    assert not result.checks[1].holds
    assert not result.holds
    assert json.loads(result.json())["fall"]["beyond"] == result.fall.beyond
    assert result.table().lines[0][0] == "residual-14"


def test_the_figure_shows_what_each_found(result: Architectures) -> None:
    titles = [axis.get_title(loc="left") for axis in result.plot().axes]
    assert "ResNet: each block changes little" in titles
    assert [len(one.masks) for one in result.drawn] == [long_skips.SHOWN] * 2
    assert architectures.as_mask(result.drawn[0].masks[0]).shape == (48, 48)


class Answering(nn.Module):
    """Find what it is told, whatever it sees."""

    def __init__(self, masks: Tensor) -> None:
        super().__init__()
        self.masks = masks

    def forward(self, images: Tensor) -> Tensor:
        return F.one_hot(self.masks, 2).permute(0, 3, 1, 2).float()


def test_a_mask_that_is_a_pixel_too_wide_loses_more_of_its_boundary() -> None:
    test = long_skips.examples(scenes(side=48, counts={"test": 8})["test"], "cpu")
    right = long_skips.overlaps(Answering(test[1]), test)
    assert right == Overlaps(100, 100)
    wider = F.max_pool2d(test[1].float(), 3, stride=1, padding=1).long()
    found = long_skips.overlaps(Answering(wider), test)
    assert found.boundary < found.region - 10


def test_a_digit_of_any_class_is_a_digit() -> None:
    drawn = scenes(side=48, counts={"test": 4})["test"]
    _, masks = long_skips.examples(drawn, "cpu")
    assert masks.unique().tolist() == [0, 1]
    assert masks.sum().item() == (drawn.masks > 0).sum()


def test_the_skips_are_named_by_the_size_that_they_carry() -> None:
    model = build(UNetSpec(widths=long_skips.WIDTHS, in_channels=1))
    sizes: list[int] = []
    for _, fork in joins(model):
        fork.shortcut.register_forward_hook(lambda *seen: sizes.append(seen[2].shape[-1]))
    model(torch.zeros(1, 1, long_skips.SIDE, long_skips.SIDE))
    assert tuple(sizes) == long_skips.SIZES


def test_the_last_layer_begins_with_the_shares_of_the_classes() -> None:
    model = build(UNetSpec(widths=(2, 4), in_channels=1))
    long_skips.know_shares(model, torch.tensor([[[0, 0, 0, 1]]]))
    shares = model.get_parameter("head.bias").softmax(0).tolist()
    assert shares == pytest.approx([0.75, 0.25])


def test_decay_adds_up_to_the_paper_whatever_the_number_of_steps() -> None:
    for epochs in (2, 20):
        how = trained_joins.forgetting(Fit(epochs=epochs, batch=50), 1000)
        assert how.weight_decay * how.lr / 2 * epochs * 20 == pytest.approx(trained_joins.DECAY)


def found(whole: Overlaps, without: Overlaps) -> list[Segmented]:
    """Return two seeds of each kind that came out the same."""
    bare = Segmented("none", without, (), ())
    return [Segmented("concat", whole, (whole,) * len(long_skips.SIZES), ()), bare] * 2


def test_points_are_counted_from_twin_to_twin() -> None:
    pairs = found(Overlaps(90, 70), Overlaps(80, 40))
    fall = long_skips.fall(pairs)
    assert (fall.region, fall.boundary, fall.beyond) == (10, 30, 20)
    assert (fall.region_deviation, fall.beyond_deviation) == (0, 0)


def test_a_boundary_that_falls_no_further_is_found_out(result: Architectures) -> None:
    pairs = found(Overlaps(90, 70), Overlaps(80, 60))
    same = replace(result, rows=tuple(long_skips.skip_rows(pairs)), fall=long_skips.fall(pairs))
    assert not same.checks[0].holds
    assert same.checks[1].holds
    assert "falls further than region IoU, points is 0" in same.verdict
