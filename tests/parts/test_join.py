import pytest
import torch
from torch import Tensor, nn

from residua.errors import BadSpec
from residua.parts import Chain, Concat, Couple, Join, Sum, joins, shortcut


def test_a_sum_adds_its_legs() -> None:
    x, branch = torch.randn(2, 4, 3, 3), nn.Conv2d(4, 4, 3, padding=1)
    assert torch.equal(Sum(branch)(x), x + branch(x))


def test_a_concat_puts_what_was_carried_first() -> None:
    x, branch = torch.randn(2, 4, 3, 3), nn.Conv2d(4, 2, 3, padding=1)
    joined = Concat(branch)(x)
    assert torch.equal(joined[:, :4], x)
    assert torch.equal(joined[:, 4:], branch(x))


def test_a_couple_adds_to_one_half_what_it_reads_in_the_other_and_can_be_undone() -> None:
    x, branch = torch.randn(2, 6, 3, 3), nn.Conv2d(3, 3, 3, padding=1)
    first, second = Couple(branch)(x).chunk(2, dim=1)
    assert torch.equal(first, x[:, 3:])
    torch.testing.assert_close(second - branch(first), x[:, :3])


@pytest.mark.usefixtures("traceable")  # without the checks of shapes, as a user has it
def test_a_couple_refuses_what_does_not_fit_a_half() -> None:
    with pytest.raises(
        BadSpec, match=r"half of what is carried is \(1, 3, 4, 4\) and the branch brings \(1, 1, 4, 4\)"
    ):
        Couple(nn.Conv2d(3, 1, 1))(torch.zeros(1, 6, 4, 4))


def test_a_given_shortcut_carries() -> None:
    x, carry = torch.randn(2, 4, 3, 3), nn.Conv2d(4, 6, 1)
    assert torch.equal(Sum(nn.Conv2d(4, 6, 1), carry).shortcut(x), carry(x))


@pytest.mark.parametrize("branch", [(2, 1, 4, 4), (2, 8, 1, 1), (1, 8, 4, 4), (2, 8, 4, 1), (2, 3, 4, 4)])
@pytest.mark.usefixtures("traceable")  # without the checks of shapes, as a user has it
def test_a_sum_refuses_to_broadcast(branch: tuple[int, ...]) -> None:
    with pytest.raises(
        BadSpec, match=r"shortcut brings \(2, 8, 4, 4\) and the branch .* needs the same shape"
    ):
        Sum(nn.Identity()).merge(torch.zeros(2, 8, 4, 4), torch.zeros(branch))


def test_the_remedy_that_a_sum_names_is_one() -> None:
    branch, carry = nn.Conv2d(4, 8, 3, stride=2, padding=1), shortcut("B", 4, 8, stride=2, norm="none")
    assert Sum(branch, carry)(torch.zeros(2, 4, 8, 8)).shape == (2, 8, 4, 4)


@pytest.mark.parametrize(("join", "branch"), [(Sum, 4), (Concat, 3)])
def test_width_says_the_channels_after_the_merge(join: type[Join], branch: int) -> None:
    built = join(nn.Conv2d(4, branch, 1))
    assert built(torch.zeros(1, 4, 2, 2)).shape[1] == join.width(4, branch)


def test_a_join_that_does_not_say_how_it_merges_cannot_be_made() -> None:
    class Half(Join):
        def merge(self, carried: Tensor, learned: Tensor) -> Tensor:
            return carried

    with pytest.raises(TypeError, match=r"abstract method '?width"):
        Half(nn.ReLU())


def test_the_walk_meets_the_joins_within_joins_in_order() -> None:
    inner = Sum(nn.ReLU())
    model = Chain(first=Concat(Chain(inner=inner)), second=Sum(nn.ReLU(), nn.Identity()))
    assert [name for name, _ in joins(model)] == ["first", "first.branch.inner", "second"]
    assert dict(joins(inner)) == {"": inner}
    assert list(joins(nn.Sequential(nn.ReLU()))) == []
