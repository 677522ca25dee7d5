"""Trainings that begin with weights: what is taken over, what is new, and how either moves."""

from dataclasses import replace as with_values
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from residua.data import Preprocess
from residua.errors import BadInput, BadRun
from residua.nets.adapters import from_ours
from residua.nets.build import build
from residua.runs import Run, load_model, read_rows
from residua.training import Recipe, Settings, evaluate, resume, train
from residua.training.finetune import Ready, taken_over
from residua.training.foreign import load_foreign
from residua.training.plan import Plan, make_plan
from residua.training.tasks import Classification, Segmentation
from residua.training.weights import Weights, open_weights
from tests.training.photos import make_photos

MODEL = "resnet8_cifar"
QUICK = Settings(model=MODEL, epochs=1, device="cpu", amp=False, ema=0.0)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on other pictures, of another number of channels and classes."""
    run, _ = train("digits", QUICK, run=tmp_path_factory.mktemp("runs") / "digits")
    return run


def plan(photos: Path | str, settings: Settings) -> Plan:
    return make_plan(photos, settings, skip_bad=False, tell=lambda *_: None)


def test_a_run_gives_network_size_normalisation_and_body(digits: Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    made = plan(photos, with_values(QUICK, model=None, weights=str(digits.folder), epochs=20))
    source = load_model(digits.folder)
    assert made.recipe.model == MODEL
    assert isinstance(made.task, Classification)
    assert isinstance(source.preprocess, Preprocess)
    assert made.task.preprocess.size == source.preprocess.size == 8
    assert made.task.preprocess.mean == pytest.approx(source.preprocess.mean * 3)
    body, theirs = made.network.state_dict(), source.network.state_dict()
    assert torch.equal(body["stage3.0.sum.branch.conv1.weight"], theirs["stage3.0.sum.branch.conv1.weight"])
    assert torch.allclose(body["stem.conv.weight"].sum(1), theirs["stem.conv.weight"].sum(1), atol=1e-6)
    assert body["head.linear.weight"].shape[0] == 2
    assert made.said == (
        f"begins with the weights of {digits.folder}; the head is new: 2 outputs, where the weights have 10; "
        "3 input channels: the kernels of 1 are repeated and scaled by 1/3"
    )


def test_what_is_chosen_for_it_is_said(digits: Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    made = plan(photos, with_values(QUICK, weights=str(digits.folder), epochs=20))
    recipe = made.recipe
    assert (recipe.frozen, recipe.body_lr, recipe.norms) == (2, 0.5, "learned")
    assert made.chosen["frozen"] == "the head is new, so it learns first, alone"
    assert made.chosen["norms"] == "a batch of 16 is enough to go on from the statistics that came"
    few = plan(photos, with_values(QUICK, weights=str(digits.folder), epochs=20, batch_size=4))
    assert few.recipe.norms == "kept"
    assert few.chosen["norms"] == "a batch of 4 says less of the statistics than the weights do"
    plain = plan(photos, with_values(QUICK, epochs=20))
    assert not {"frozen", "body_lr", "norms", "weights"} & plain.chosen.keys()
    mine = plan(photos, with_values(QUICK, weights=str(digits.folder), frozen=0, body_lr=1.0, lr=0.3))
    assert (mine.recipe.frozen, mine.recipe.body_lr, mine.recipe.lr) == (0, 1.0, 0.3)


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """Return the first words of the tensors that are another than before."""
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def test_only_the_head_moves_while_the_rest_is_frozen(digits: Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    settings = with_values(QUICK, weights=str(digits.folder), epochs=2, frozen=2)
    before = plan(photos, settings).network.state_dict()
    run, _ = train(photos, settings, run=tmp_path / "run")
    assert moved(before, load_model(run.folder).network.state_dict()) == {"head"}
    released, _ = train(photos, with_values(settings, frozen=1), run=tmp_path / "released")
    assert moved(before, load_model(released.folder).network.state_dict()) > {"head", "stem", "stage3"}


def test_norms_that_are_kept_learn_their_scale_and_not_the_statistics(digits: Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    settings = with_values(QUICK, weights=str(digits.folder), epochs=1, frozen=0, norms="kept")
    before = plan(photos, settings).network.state_dict()
    run, _ = train(photos, settings, run=tmp_path / "run")
    after = load_model(run.folder).network.state_dict()
    assert torch.equal(after["stem.norm.running_mean"], before["stem.norm.running_mean"])
    assert not torch.equal(after["stem.norm.weight"], before["stem.norm.weight"])


def test_what_came_with_the_weights_takes_a_share_of_the_rate(digits: Run, tmp_path: Path) -> None:
    """Of one step the body moves a tenth as far, and the head as far as without the share."""
    photos = make_photos(tmp_path / "photos", each=8)
    settings = with_values(
        QUICK, weights=str(digits.folder), frozen=0, momentum=0.0, weight_decay=0.0, warmup=0.0, clip=0.0
    )
    before = plan(photos, settings).network.state_dict()
    steps = []
    for share in (1.0, 0.1):
        run, _ = train(photos, with_values(settings, body_lr=share), run=tmp_path / f"{share}")
        after = load_model(run.folder).network.state_dict()
        steps.append(
            {
                name: (after[name] - before[name]).norm().item()
                for name in ("stem.conv.weight", "head.linear.bias")
            }
        )
    whole, share = steps
    assert share["stem.conv.weight"] == pytest.approx(0.1 * whole["stem.conv.weight"], rel=0.05)
    assert share["head.linear.bias"] == pytest.approx(whole["head.linear.bias"], rel=0.05)


def test_the_same_classes_keep_the_head_and_nothing_is_frozen(digits: Run) -> None:
    made = make_plan(
        "digits", with_values(QUICK, weights=str(digits.folder)), skip_bad=False, tell=lambda *_: None
    )
    assert torch.equal(
        made.network.state_dict()["head.linear.weight"],
        load_model(digits.folder).network.state_dict()["head.linear.weight"],
    )
    assert (made.recipe.frozen, made.recipe.body_lr, made.recipe.norms) == (0, 1.0, "learned")


def test_a_stopped_run_goes_on_without_the_weights(digits: Run, tmp_path: Path) -> None:
    photos, file = make_photos(tmp_path / "photos"), tmp_path / "w.safetensors"
    safetensors.torch.save_file(load_model(digits.folder).network.state_dict(), file)
    settings = with_values(QUICK, weights=str(file), epochs=2)
    run, _ = train(photos, settings, run=tmp_path / "run")
    whole = load_model(run.folder).network.state_dict()
    file.unlink()
    for newer in sorted(run.checkpoints.iterdir())[1:]:
        newer.unlink()
    resume(run.folder)
    after = load_model(run.folder).network.state_dict()
    assert all(torch.equal(whole[name], after[name]) for name in whole)
    assert any("begins with the weights of" in getattr(row, "text", "") for row in read_rows(run.metrics))


def test_a_file_needs_the_name_of_its_network(digits: Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    weights = str(digits.folder / "model.safetensors")
    with pytest.raises(BadInput, match=r"does not say what network it is of; say it with --model"):
        plan(photos, with_values(QUICK, model=None, weights=weights))
    assert plan(photos, with_values(QUICK, weights=weights)).said is not None
    with pytest.raises(BadRun, match="do not fit this network"):
        plan(photos, with_values(QUICK, model="resnet14_cifar", weights=weights))


def test_a_classifier_becomes_the_way_down_of_a_network_for_masks(digits: Run, tmp_path: Path) -> None:
    """Without --model: the U-Net around the network that the weights are of."""
    weights = build("resnet18")
    torch.save(from_ours(weights.state_dict(), weights.spec, project="torchvision"), tmp_path / "w.pth")
    settings = Settings(weights=str(tmp_path / "w.pth"), model="unet_resnet18", epochs=10, device="cpu")
    made = plan("scenes", settings)
    assert isinstance(made.task, Segmentation)
    down = made.network.get_parameter("body.part.u.skip.branch.deeper.encode.stage.0.sum.branch.conv1.weight")
    assert torch.equal(down, weights.get_parameter("stage1.0.sum.branch.conv1.weight"))
    assert made.said is not None
    assert "120 tensors are the encoder's; the way up and the head are new" in made.said
    assert "1 input channel: the kernels of 3 are summed" in made.said
    assert (made.recipe.frozen, made.recipe.body_lr) == (1, 0.5)


def test_a_run_of_a_classifier_begins_the_u_net_around_it() -> None:
    found = Weights(where="photos", state={}, model="resnet18")
    assert taken_over(Settings(), found, "scenes").model == "unet_resnet18"
    assert taken_over(Settings(), found, "digits").model == "resnet18"
    assert taken_over(Settings(model="unet_resnet34"), found, "scenes").model == "unet_resnet34"


def test_what_holds_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRun, match=r"no file of weights and no run; give a file, a run, or hf:OWNER/REPO"):
        open_weights(str(tmp_path / "nothing"))
    with pytest.raises(BadRun, match="is not the folder of a run"):
        open_weights(str(tmp_path / "empty"))


@pytest.mark.parametrize("settings", [Settings(frozen=1), Settings(body_lr=0.1), Settings(norms="kept")])
def test_its_options_mean_nothing_without_weights(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is of a training that begins with --weights"):
        plan(tmp_path, settings)


def test_other_peoples_weights_are_evaluated_by_the_name_of_their_network(tmp_path: Path) -> None:
    photos, file = make_photos(tmp_path / "photos", side=32), tmp_path / "w.th"
    for classes in (2, 10):
        network = build("resnet20_cifar", classes=classes)
        state = from_ours(network.state_dict(), network.spec, project="pytorch_resnet_cifar10")
        torch.save({"state_dict": state}, file)
        if classes == 10:
            with pytest.raises(
                BadInput, match=r"has 2 classes and these weights of resnet20_cifar have 10 outputs"
            ):
                load_foreign(str(file), "resnet20_cifar", str(photos))
            continue
        model = load_foreign(str(file), "resnet20_cifar", str(photos))
        assert (model.classes, model.preprocess.mean) == (("cat", "dog"), (0.485, 0.456, 0.406))
        assert evaluate(model, photos).scores.samples == 24


def test_an_epoch_releases_what_the_one_before_had_frozen() -> None:
    network = build(MODEL)
    recipe = with_values(plan_recipe(), frozen=1)
    ready = Ready(recipe, frozenset({"head.linear.weight", "head.linear.bias"}))
    ready(network, 1)
    assert {n for n, p in network.named_parameters() if p.requires_grad} == ready.fresh
    assert not network.get_submodule("stem.norm").training
    assert network.training
    ready(network, 2)
    assert all(p.requires_grad for p in network.parameters())
    assert network.get_submodule("stem.norm").training


def plan_recipe() -> Recipe:
    return make_plan("digits", QUICK, skip_bad=False, tell=lambda *_: None).recipe
