import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from residua.parts import Chain, Fitted


def halves() -> Chain:
    return Chain(nn.MaxPool2d(4), nn.Upsample(scale_factor=4))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_size_comes_out_as_it_came_in(height: int, width: int) -> None:
    x = torch.randn(1, 2, height, width)
    assert Fitted(halves(), 4)(x).shape == x.shape


def test_a_size_that_fits_is_left_alone() -> None:
    x = torch.randn(2, 3, 8, 12)
    assert torch.equal(Fitted(halves(), 4)(x), halves()(x))


def test_nothing_is_moved_and_the_border_is_repeated() -> None:
    seen: list[torch.Tensor] = []
    inner = nn.Identity()
    inner.register_forward_hook(lambda module, inputs, output: seen.append(output))
    x = torch.randn(1, 1, 3, 5)
    assert torch.equal(Fitted(inner, 4)(x), x)
    assert torch.equal(seen[0][..., :3, :5], x)
    assert torch.equal(seen[0][..., 3, :5], x[..., 2, :])
    assert torch.equal(seen[0][..., :3, 7], x[..., 4])


@pytest.mark.usefixtures("traceable")
@pytest.mark.parametrize("traced", [(9, 14), (8, 12)])
def test_one_exported_program_takes_every_size(traced: tuple[int, int]) -> None:
    fitted = Fitted(Chain(nn.Conv2d(2, 3, 3, padding=1), halves()), 4)
    free = ({0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(fitted, (torch.randn(2, 2, *traced),), dynamic_shapes=free).module()
    for size in ((8, 8), (12, 16), (9, 14), (37, 50), (5, 7), (8, 7)):
        x = torch.randn(3, 2, *size)
        torch.testing.assert_close(program(x), fitted(x), rtol=0, atol=1e-6)
