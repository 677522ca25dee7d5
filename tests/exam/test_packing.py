"""Models that take several tensors, by name or in a row, and losses with several targets."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import residua
from residua.errors import BadInput
from residua.exam import healthy_bands
from residua.exam.packing import Layout, layout_of, packed


class Two(nn.Module):
    """A picture and numbers beside it, in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.read = nn.Linear(5, 16)
        self.head = nn.Linear(32, 4)

    def forward(self, picture: Tensor, numbers: Tensor) -> Tensor:
        return self.head(torch.cat([self.see(picture), F.relu(self.read(numbers))], 1))  # type: ignore[no-any-return]


class Named(nn.Module):
    """Words and a mask, by name, as transformers take them."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 32), nn.Linear(32, 4)

    def forward(self, words: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        assert words.dtype == torch.int64
        seen = self.embed(words)
        if mask is not None:
            seen = seen * mask[..., None]
        return {"logits": self.head(seen.mean(1))}


class Whole(nn.Module):
    """A dict as one thing."""

    def __init__(self) -> None:
        super().__init__()
        self.two = Two()

    def forward(self, sample: dict[str, Tensor]) -> Tensor:
        return self.two(sample["picture"], sample["numbers"])  # type: ignore[no-any-return]


def pictures() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    picture, numbers = (torch.randn(160, *shape, generator=generator) for shape in ((3, 8, 8), (5,)))
    return picture, numbers, numbers[:, :4].argmax(1)


def sentences() -> tuple[dict[str, Tensor], Tensor]:
    words = torch.randint(50, (128, 12), generator=torch.Generator().manual_seed(0))
    return {"words": words, "mask": (words > 2).long()}, words[:, 0] % 4 // 2


def by_name(given: dict[str, Tensor], labels: Tensor) -> Tensor:
    return F.cross_entropy(given["logits"], labels)


def given(name: str) -> tuple[nn.Module, tuple[Any, Tensor], Any]:
    torch.manual_seed(0)
    picture, numbers, labels = pictures()
    if name == "in a row":
        return Two(), ((picture, numbers), labels), F.cross_entropy
    if name == "as one thing":
        return Whole(), ({"picture": picture, "numbers": numbers}, labels), F.cross_entropy
    inputs, kinds = sentences()
    return Named(), (inputs, kinds), by_name


@pytest.mark.parametrize("name", ["in a row", "as one thing", "by name"])
@pytest.mark.parametrize("depth", ["still", "probe"])
def test_several_inputs_are_looked_at_as_one(name: str, depth: Any) -> None:
    model, batch, loss = given(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = residua.examine(model, batch, loss=loss, depth=depth)
    assert found.verdict == "trains", (found.probability, found.causes)
    assert not found.causes
    assert not model._forward_pre_hooks
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_the_exam_of_two_inputs_is_that_of_a_model_which_takes_them_apart_itself() -> None:
    torch.manual_seed(0)
    picture, numbers, labels = pictures()

    class Alone(nn.Module):
        def __init__(self, two: nn.Module) -> None:
            super().__init__()
            self.two = two

        def forward(self, both: Tensor) -> Tensor:
            return self.two(both[:, :192].reshape(-1, 3, 8, 8), both[:, 192:])  # type: ignore[no-any-return]

    two = Two()
    several = residua.examine(two, ((picture, numbers), labels), depth="still")
    one = residua.examine(Alone(two), (torch.cat([picture.flatten(1), numbers], 1), labels), depth="still")
    assert several.diagnosis.features == one.diagnosis.features
    assert several.diagnosis.seen.inputs.shape == (160, 3, 8, 8)  # the largest part is spoken of


def test_a_fault_is_named_and_healed_and_the_copy_takes_what_the_model_takes() -> None:
    model, batch, _ = given("in a row")
    model.head = nn.Sequential(nn.Linear(32, 4), nn.Softmax(1))
    healed = residua.heal(model, batch, depth="still")
    assert healed.before.causes[0].name == "softmax before a loss that applies one"
    assert healed.edits
    assert healed.model(*batch[0]).shape == (160, 4)
    assert layout_of(healed.model) is None
    assert healed.after.verdict == "trains"


def test_labels_shuffled_are_found_beside_two_inputs() -> None:
    model, (inputs, labels), _ = given("in a row")
    wrong = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    found = residua.examine(model, (inputs, wrong), remedies=False)
    assert "labels do not follow the inputs" in {cause.name for cause in found.causes}


def test_several_targets_go_to_the_loss_as_they_were_given() -> None:
    torch.manual_seed(0)
    picture, numbers, labels = pictures()

    def loss(outputs: Tensor, wanted: dict[str, Tensor]) -> Tensor:
        assert wanted["label"].dtype == torch.int64
        return F.cross_entropy(outputs, wanted["label"]) + F.mse_loss(outputs[:, 0], wanted["number"])

    found = residua.examine(
        Two(), ((picture, numbers), {"label": labels, "number": numbers[:, 0]}), loss=loss
    )
    assert (found.verdict, found.causes) == ("trains", ())


def test_bands_are_drawn_for_several_inputs() -> None:
    model, batch, _ = given("in a row")
    found = healthy_bands(model, batch)
    assert found is not None
    assert len(found.low.signal) == 3
    assert not model._forward_pre_hooks


def test_a_hook_does_not_outlive_an_error() -> None:
    model, (inputs, _), loss = given("by name")
    with pytest.raises(BadInput, match="the loss cannot take"):
        residua.examine(model, (inputs, torch.zeros(128, 7)), loss=loss)
    assert not model._forward_pre_hooks


def test_what_has_no_samples_is_the_same_for_all() -> None:
    layout = Layout((torch.ones(4, 2), 3, None, torch.tensor(5.0)), "inputs")
    apart = layout.apart(layout.packed[1:3])
    assert (apart[0].shape, apart[1], apart[2], apart[3]) == ((2, 2), 3, None, torch.tensor(5.0))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"a": torch.ones(4), "b": torch.ones(5)}, "tensors of 4 and 5 samples"),
        (["text"], "in which there is no tensor"),
        ((torch.ones(4, dtype=torch.complex64), torch.ones(4)), "complex"),
    ],
)
def test_what_cannot_lie_side_by_side_is_said(parts: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words), packed(nn.Identity(), (parts, torch.ones(4)), F.mse_loss):
        pass


class InPlace(nn.Module):
    """Normalises what it is given by writing over it."""

    def __init__(self) -> None:
        super().__init__()
        self.two = Two()

    def forward(self, picture: Tensor, numbers: Tensor | None = None) -> Tensor:
        picture.sub_(100.0).div_(50.0)
        return self.two(picture, picture[:, 0, 0, :5] if numbers is None else numbers.mul_(1.0))  # type: ignore[no-any-return]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("depth", ["still", "probe"])
def test_a_model_may_write_over_its_inputs(several: bool, depth: Any) -> None:
    picture, numbers, labels = pictures()
    picture = 100 + 50 * picture
    kept = picture.clone()
    if not several:
        labels = (picture[:, 0, 0, :4]).argmax(1)
    torch.manual_seed(0)
    model = InPlace()
    given = (picture, numbers) if several else picture
    found = residua.examine(model, (given, labels), depth=depth)
    assert found.verdict == "trains", found.causes
    assert torch.equal(picture, kept)
    assert not model._forward_pre_hooks
    healed = residua.heal(nn.Sequential(model), (picture, labels), depth="still")
    assert not any(part._forward_pre_hooks for part in healed.model.modules())
    assert torch.equal(picture, kept)


def test_large_whole_numbers_beside_others_stay_what_they_are() -> None:
    key = torch.tensor([2**24 + 1, 5])
    layout = Layout({"key": key, "value": torch.ones(2, 3)}, "inputs")
    assert torch.equal(layout.apart(layout.packed)["key"], key)
    assert layout.apart(layout.packed)["value"].dtype == torch.float32


class TwoTasks(nn.Module):
    """Two answers with classes of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.two, self.more = Two(), nn.Linear(5, 50)

    def forward(self, picture: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        return self.two(picture, numbers), self.more(numbers)


def test_several_targets_have_classes_of_their_own() -> None:
    torch.manual_seed(0)
    picture, numbers, labels = pictures()
    others = numbers[:, 4].argsort().argsort() * 50 // len(numbers)

    def both(given: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(given[0], wanted[0]) + F.cross_entropy(given[1], wanted[1])

    found = residua.examine(TwoTasks(), ((picture, numbers), (labels, others)), loss=both, depth="still")
    assert "labels out of range" not in {cause.name for cause in found.causes}


class Row(nn.Module):
    """A row of tensors as its first argument, and another one that may be left out."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(40, 4)

    def forward(self, row: list[Tensor], mask: Tensor | None = None) -> Tensor:
        return self.layer(torch.cat(list(row), 1))  # type: ignore[no-any-return]


def test_a_model_that_takes_a_row_as_one_thing_is_given_it_so() -> None:
    inputs = torch.randn(128, 20, generator=torch.Generator().manual_seed(0))
    found = residua.examine(Row(), ([inputs, inputs + 1], inputs[:, :4].argmax(1)), depth="still")
    assert found.verdict == "trains"


def test_one_target_by_name_is_what_it_is_without_one() -> None:
    model, (inputs, labels), _ = given("in a row")
    wrong = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]

    def named(outputs: Tensor, wanted: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(outputs, wanted["y"])

    found = residua.examine(model, (inputs, {"y": wrong}), loss=named, depth="still", remedies=False)
    assert "labels do not follow the inputs" in {cause.name for cause in found.causes}


class Criterion(nn.Module):
    """A loss with a weight and statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.norm = nn.Parameter(torch.ones(4)), nn.BatchNorm1d(4)

    def forward(self, outputs: Tensor, wanted: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(self.norm(outputs) * self.weight, wanted["y"])


@pytest.mark.parametrize("depth", ["still", "probe"])
def test_what_a_loss_holds_stays_as_it_was(depth: Any) -> None:
    model, (inputs, labels), _ = given("in a row")
    loss = Criterion()
    slow = torch.optim.SGD(model.parameters(), lr=1e-9)
    residua.examine(model, (inputs, {"y": labels}), loss=loss, optimizer=slow, depth=depth)
    assert loss.weight.grad is None
    assert loss.norm.num_batches_tracked == 0
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("depth", ["still", "probe"])
def test_a_loss_that_reads_the_weights_leaves_no_gradient_in_them(depth: Any) -> None:
    model, (inputs, labels), _ = given("in a row")

    def sparse(outputs: Tensor, wanted: Tensor) -> Tensor:
        return F.cross_entropy(outputs, wanted) + 1e-4 * sum(p.abs().sum() for p in model.parameters())

    moving = torch.optim.SGD(model.parameters(), lr=0.1)
    residua.examine(model, (inputs, labels), loss=sparse, optimizer=moving, depth=depth, remedies=False)
    assert all(p.grad is None for p in model.parameters())


def test_parts_without_width_and_of_rare_types_are_taken() -> None:
    inputs = torch.randn(128, 20, generator=torch.Generator().manual_seed(0))

    class Rare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(20, 4)

        def forward(self, x: Tensor, none: Tensor, ids: Tensor) -> Tensor:
            return self.layer(x) + 0 * ids[:, None].float()  # type: ignore[no-any-return]

    parts = inputs, torch.zeros(128, 0), torch.arange(128).to(torch.uint16)
    found = residua.examine(Rare(), (parts, inputs[:, :4].argmax(1)), depth="still")
    assert found.verdict == "trains"
