"""Windows against one pass: the same answer, each pixel once, no seam, and sums that fit the budget."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from residua.data import Picture
from residua.nets.build import build
from residua.nets.spec import UNetSpec
from residua.training.tiles import Ask, Block, Shares, class_map, gaussian, tiled, windows


def picture(height: int, width: int) -> Picture:
    return np.random.default_rng(0).integers(0, 256, (height, width, 1), dtype=np.uint8)


def by_pixel(piece: Picture) -> Shares:
    """Answer from each pixel alone, which every window sees as the whole picture does."""
    grey = torch.from_numpy(piece[:, :, 0] / 255).float()
    return torch.stack((grey, 0.5 * (1 - grey), 0.5 * (1 - grey)))


def blurred(piece: Picture) -> Shares:
    """Answer from 9 × 9 pixels: at its edge a window sees something else than the whole picture does."""
    grey = F.avg_pool2d(by_pixel(piece)[:1], 9, stride=1, padding=4)
    return torch.cat((grey, 1 - grey))


def seeing(picture: Picture, ask: Callable[[Picture], Shares]) -> Ask:
    """Return what answers for a place of a picture."""
    return lambda place: ask(picture[place])


def whole(blocks: Iterable[Block], shape: tuple[int, int], classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the answer put together, and how often each pixel was given."""
    answer, times = torch.zeros(classes, *shape), torch.zeros(shape)
    for block in blocks:
        answer[(slice(None), *block.place)] = block.shares
        times[block.place] += 1
    return answer, times


@pytest.mark.parametrize("size", [(1, 1), (30, 31), (31, 200), (97, 45), (150, 161)])
@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("budget", [1, 2**30])
def test_every_pixel_is_answered_once_and_as_in_one_pass(
    size: tuple[int, int], step: int, budget: int
) -> None:
    seen = picture(*size)
    blocks = tiled(seen.shape[:2], seeing(seen, by_pixel), classes=3, window=24, step=step, budget=budget)
    answer, times = whole(blocks, size, 3)
    assert torch.equal(times, torch.ones(size))
    torch.testing.assert_close(answer, by_pixel(seen), rtol=0, atol=1e-5)


@pytest.mark.parametrize("length", [1, 35, 36, 37, 100, 101, 1000])
@pytest.mark.parametrize("step", [1, 4])
def test_windows_cover_a_side_and_overlap(length: int, step: int) -> None:
    found = windows(length, 24, step)
    assert found[0].start == 0
    assert found[-1].stop == length
    assert all(one.start % step == 0 for one in found)
    for before, after in pairwise(found):
        assert before.start < after.start <= before.stop - 24 * 0.25 + step


def test_the_budget_changes_how_much_is_held_and_not_the_answer() -> None:
    seen = picture(120, 300)
    little, much = (
        list(tiled(seen.shape[:2], seeing(seen, blurred), classes=2, window=32, budget=budget))
        for budget in (1, 2**30)
    )
    assert [max(block.shares.shape[2] for block in blocks) for blocks in (little, much)] == [32, 300]
    answers = [whole(blocks, (120, 300), 2)[0] for blocks in (little, much)]
    torch.testing.assert_close(*answers, rtol=0, atol=1e-6)


def test_no_seam_is_seen_where_windows_meet() -> None:
    """A hard cut would show the windows' edges; blended they are lost, away from the picture's own edge."""
    seen = picture(120, 120)
    answer, _ = whole(tiled(seen.shape[:2], seeing(seen, blurred), classes=2, window=32), (120, 120), 2)
    wrong = (answer - blurred(seen)).abs()[0]
    assert wrong.max() < 0.02
    cut = torch.zeros(120, 120)
    for row in range(0, 120, 24):
        for column in range(0, 120, 24):
            place = slice(row, row + 24), slice(column, column + 24)
            cut[place] = blurred(seen[place])[0]
    assert (cut - blurred(seen)[0]).abs().max() > 10 * wrong.max()


def test_a_network_says_by_windows_what_it_says_at_once() -> None:
    """Away from a tie the class of no pixel changes, although each window has edges of its own."""
    torch.manual_seed(0)
    network = build(UNetSpec(widths=(4, 8), in_channels=1, classes=3, norm="batch")).eval()

    @torch.no_grad()
    def ask(piece: Picture) -> Shares:
        return network(torch.from_numpy(piece).permute(2, 0, 1)[None].float() / 128 - 1)[0].softmax(0)

    seen, size = picture(200, 230), (200, 230)
    once = ask(seen)
    ranked = once.topk(2, dim=0).values
    clear = ranked[0] - ranked[1] > 0.02
    pieces = class_map(tiled(seen.shape[:2], seeing(seen, ask), classes=3, window=64, step=2), size)
    assert clear.float().mean() > 0.5
    print(
        (torch.from_numpy(pieces) != once.argmax(0))[clear].float().mean(),
        (torch.from_numpy(pieces) != once.argmax(0)).float().mean(),
        clear.float().mean(),
    )
    assert (torch.from_numpy(pieces) == once.argmax(0))[clear].all()


def test_the_middle_of_a_window_counts_most_and_its_end_least() -> None:
    weights = gaussian(slice(10, 50), torch.device("cpu"))
    assert weights.argmax().item() in (19, 20)
    assert torch.equal(weights, weights.flip(0))
    assert 0 < weights[0] < 1e-3 * weights.max()
