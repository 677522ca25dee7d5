"""Networks that have no name: a spec in a file."""

from pathlib import Path

import msgspec
import pytest

from residua.errors import BadInput, BadSpec
from residua.nets.spec import ResNetSpec
from residua.runs import load_model
from residua.training import Settings, resume, train
from residua.training.network import classifying_spec, spec_of
from tests.training.photos import make_photos

SPEC = ResNetSpec(
    depths=(1, 1),
    widths=(4, 8),
    stem="cifar",
    stem_width=4,
    order="full_preact",
    shortcut="C",
    skip_init=True,
)


@pytest.mark.parametrize("written", [SPEC, {"format": 1, "name": "mine", "spec": SPEC}])
def test_a_spec_is_read_from_a_file_of_its_own_or_from_a_model_card(written: object, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(msgspec.json.encode(written))
    assert spec_of(str(path)) == SPEC


@pytest.mark.parametrize("content", [b"", b"[]", b'{"family": "resnet"}', b'{"family": "bert"}'])
def test_a_file_that_describes_no_network_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"describes no network: .*; it must hold a spec as JSON"):
        spec_of(str(path))


def test_a_setting_is_added_to_a_spec_and_leaves_the_rest_of_it() -> None:
    with pytest.raises(BadSpec, match="Take skip_init"):
        classifying_spec("resnet56_skipinit", stochastic_depth=None, zero_init=True)
    spec = classifying_spec("resnet56_skipinit", stochastic_depth=0.1, zero_init=None)
    assert isinstance(spec, ResNetSpec)
    assert (spec.stochastic_depth, spec.skip_init) == (0.1, True)


def test_a_run_of_a_network_from_a_file_goes_on_without_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(msgspec.json.encode(SPEC))
    photos = make_photos(tmp_path / "photos")
    run, _ = train(photos, Settings(model=str(path), epochs=1, device="cpu"), run=tmp_path / "run")
    path.unlink()
    resume(run.folder)
    model = load_model(run.folder)
    assert model.name == "mine"
    assert model.network.spec == msgspec.structs.replace(SPEC, classes=2)
