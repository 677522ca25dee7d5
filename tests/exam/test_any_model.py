"""Models that are not from one picture to one tensor: words, several heads, compiled ones, and what is refused."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residua.errors import BadInput
from residua.exam import examine, heal, healthy_bands
from residua.look import answer, each, on_heads
from tests.exam.nets import batch, plain


class Heads(NamedTuple):
    """What a model with two heads gives."""

    logits: Tensor
    more: Tensor


class Several(nn.Module):
    """A network that gives its answer, and another beside it, in some form."""

    def __init__(self, form: Callable[[Tensor, Tensor], Any], body: nn.Module | None = None) -> None:
        super().__init__()
        self.body = plain() if body is None else body
        self.form = form

    def forward(self, x: Tensor) -> Any:
        given = self.body(x)
        return self.form(given, given.mean(1))


class Reader(nn.Module):
    """A transformer of words."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(40, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(16, 4)

    def forward(self, words: Tensor) -> Tensor:
        given: Tensor = self.head(self.body(self.words(words)).mean(1))
        return given


def on_logits(given: Any, targets: Tensor) -> Tensor:
    logits = answer(given)
    assert logits is not None
    return F.cross_entropy(logits, targets)


FORMS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "tuple": lambda logits, more: (logits, more),
    "named": Heads,
    "list": lambda logits, more: [logits, more],
    "dict": lambda logits, more: {"more": more, "logits": logits},
    "nested": lambda logits, more: {"out": logits, "rest": (more, {"count": torch.tensor(3), "name": "it"})},
}


@pytest.mark.parametrize("form", FORMS)
def test_several_heads_are_judged_by_the_loss_that_takes_them(form: str) -> None:
    torch.manual_seed(0)
    found = examine(Several(FORMS[form]), batch(), loss=on_logits)
    torch.manual_seed(0)
    alone = examine(plain(), batch())
    assert (found.verdict, found.causes) == ("trains", ())
    assert found.probability == pytest.approx(alone.probability, abs=1e-3)


def test_faults_of_a_model_with_heads_are_named_and_healed() -> None:
    torch.manual_seed(0)
    body = nn.Sequential(*plain(), nn.Softmax(1))
    model = Several(FORMS["dict"], body)
    found = examine(model, batch(), loss=on_logits)
    assert found.causes[0].name == "softmax before a loss that applies one"
    healed = heal(model, batch(), loss=on_logits)
    assert healed.left == () and healed.after.probability > healed.before.probability


def test_auxiliary_heads_learn_with_the_answer() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.main, self.beside = nn.Flatten(), nn.Linear(64, 4), nn.Linear(64, 4)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            features = self.body(x)
            return {"aux": self.beside(features), "out": self.main(features), "features": features}

    assert examine(Branching(), batch(), loss=on_heads(F.cross_entropy)).causes == ()
    alone = examine(Branching(), batch(), loss=on_logits)
    assert [(cause.name, cause.layer) for cause in alone.causes] == [("detached layers", "beside.weight")]


def test_words_are_no_measurements() -> None:
    torch.manual_seed(0)
    words = torch.randint(40, (128, 6))
    found = examine(Reader(), (words, words[:, 0] % 4))
    assert found.verdict == "trains"
    assert {cause.name for cause in (*found.causes, *found.notes)} == set()


def classified(shares: Tensor) -> Tensor:
    return (shares > 0.5).long()


def test_one_number_a_sample_comes_out() -> None:
    inputs = torch.rand(64, 4, generator=torch.Generator().manual_seed(0))
    found = examine(
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0)),
        (inputs, classified(inputs[:, 0]).float()),
        loss=nn.functional.binary_cross_entropy_with_logits,
    )
    assert found.verdict == "trains"


@pytest.mark.parametrize(
    ("given", "first"),
    [
        (torch.linspace(0, 1, 64)[:, None], partial(nn.Linear, 1)),
        (torch.arange(64), partial(nn.Embedding, 64)),
    ],
    ids=["a column", "words"],
)
def test_one_number_a_sample_goes_in(given: Tensor, first: Callable[[int], nn.Module]) -> None:
    torch.manual_seed(0)
    found = examine(
        nn.Sequential(first(8), nn.ReLU(), nn.Linear(8, 2)), (given, torch.arange(64) // 32), depth="still"
    )
    assert (found.verdict, found.causes) == ("trains", ())


def test_a_loss_may_hold_weights() -> None:
    model = nn.Linear(4, 2)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, targets) + 1e-3 * model.weight.square().sum()

    inputs = torch.rand(64, 4, generator=torch.Generator().manual_seed(0))
    assert examine(model, (inputs, classified(inputs[:, 0])), loss=loss, depth="still").verdict == "trains"


def test_a_compiled_model_is_looked_at_as_the_module_it_was_made_of() -> None:
    torch.manual_seed(0)
    model = plain(norm=False)
    compiled = torch.compile(model, backend="eager")
    assert examine(compiled, batch()) == examine(model, batch())  # type: ignore[arg-type]
    assert healthy_bands(compiled, batch()) == healthy_bands(model, batch())  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("look", [examine, heal, healthy_bands])
def test_torchscript_is_refused(look: Callable[..., object]) -> None:
    scripted = torch.jit.script(nn.Linear(4, 2))
    batch = torch.randn(8, 4), torch.randint(2, (8,))
    for model in (scripted, nn.Sequential(scripted)):
        with pytest.raises(BadInput, match="TorchScript, which lets nobody see its layers"):
            look(model, batch)


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        (
            Several(FORMS["dict"]),
            batch(),
            r"the loss cannot take what the model gives, a dict of 'more', 'logits'",
        ),
        (
            plain(),
            (batch()[0], batch()[1].int()),
            r"with targets of 128 \(int32\)|with targets of 64 \(int32\)",
        ),
        (
            plain(),
            (batch()[0], batch()[1][:, None, None]),
            "the loss cannot take what the model gives, a tensor of",
        ),
        (
            nn.Sequential(nn.Flatten(), nn.LazyLinear(4)),
            batch(),
            "whose weights are not made yet; call it once",
        ),
        (Several(lambda logits, more: "text"), batch(), "gives a str in which there is no tensor"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_a_sentence(model: nn.Module, given: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        examine(model, given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((batch()[0].numpy(), batch()[1]), "the inputs are of type ndarray"),
        ((batch()[0], batch()[1].tolist()), "the targets are of type list"),
        (((batch()[0], batch()[0][:3]), batch()[1]), "the inputs hold tensors of 3 and .* samples"),
        (((batch()[0], batch()[0]), batch()[1]), "cannot take a batch of a tuple"),
    ],
)
def test_a_batch_is_made_of_tensors(given: tuple[object, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        examine(plain(), given)


def test_each_tensor_is_changed_in_its_place() -> None:
    changed = each(Heads(torch.ones(2), torch.zeros(1)), lambda values: values + 1)
    assert isinstance(changed, Heads)
    assert (changed.logits.tolist(), changed.more.tolist()) == ([2.0, 2.0], [1.0])
    assert each({"a": torch.tensor(1), "b": "text"}, lambda values: values + 1) == {"a": 1, "b": "text"}
    assert answer({"count": torch.tensor(1)}) is None


def test_without_parameters_there_is_nothing_to_train() -> None:
    assert [cause.name for cause in examine(nn.Flatten(), batch()).causes] == ["nothing to train"]


def test_a_first_step_of_sparse_gradients_is_tried() -> None:
    torch.manual_seed(0)
    words, labels = torch.randint(20, (64, 5)), torch.randint(4, (64,))
    model = nn.Sequential(nn.EmbeddingBag(20, 4, sparse=True))
    optimizer = torch.optim.SparseAdam(model.parameters(), lr=0.01)
    found = examine(model, (words, labels), optimizer=optimizer, depth="still")
    assert found.diagnosis.seen.own_step is not None
