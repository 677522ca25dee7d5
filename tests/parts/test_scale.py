import pytest
import torch

from residua.errors import BadSpec
from residua.parts import Scale, StochasticDepth


def test_a_scale_multiplies_and_learns() -> None:
    scale, x = Scale(0.5), torch.randn(2, 3, 4, 4)
    scale(x).sum().backward()
    assert torch.equal(scale(x), x * 0.5)
    assert scale.by.grad is not None
    torch.testing.assert_close(scale.by.grad, x.sum())


def test_a_sample_is_kept_whole_or_silenced_whole() -> None:
    drop = StochasticDepth(0.25)
    ratio = drop(torch.ones(64, 3, 4, 4))
    values = ratio.flatten(1)
    assert torch.equal(values, values[:, :1].expand_as(values))
    assert set(values[:, 0].tolist()) == {0.0, torch.tensor(1 / 0.75).item()}


def test_the_expectation_is_the_input() -> None:
    x = torch.randn(1, 8).expand(40_000, 8)
    torch.testing.assert_close(StochasticDepth(0.5)(x).mean(0), x[0], rtol=0.05, atol=0)


def test_evaluating_changes_nothing() -> None:
    x = torch.randn(4, 3)
    assert StochasticDepth(0.9).eval()(x) is x
    assert StochasticDepth(0.0)(x) is x


def test_a_silenced_sample_sends_no_gradient() -> None:
    x = torch.ones(64, 2, requires_grad=True)
    kept = StochasticDepth(0.5)(x)
    kept.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad == 0, kept == 0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_precision_is_kept(dtype: torch.dtype) -> None:
    assert StochasticDepth(0.5)(torch.ones(2, 2, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(BadSpec, match="at least 0 and below 1"):
        StochasticDepth(rate)
