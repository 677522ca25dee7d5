"""What any test may ask for: the real pictures, a browser, a network that torch can trace."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import matplotlib
import pytest
import torch

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
REAL_DATA = {"cifar10", "camvid", "foreign_weights"}
TRACING = "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"  # dynamo reads it, not us

matplotlib.use("Agg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads real pictures, so that `-m "not data"` leaves it out."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & REAL_DATA:
            item.add_marker(pytest.mark.data)
        if "traceable" in fixtures:
            item.add_marker(pytest.mark.filterwarnings(TRACING))


@pytest.fixture(autouse=True)
def same_every_time() -> None:
    """Start every test from the same random numbers, whatever ran before it."""
    torch.manual_seed(0)


def real_data(*wanted: str) -> Path:
    """Return a folder of the real data, or skip the test and say what was looked for."""
    path = Path(os.environ.get("RESIDUA_DATA", ROOT / ".data")).joinpath(*wanted)
    if not path.exists():
        pytest.skip(
            f"no {'/'.join(wanted)} in the real data; RESIDUA_DATA names its folder, see CONTRIBUTING.md"
        )
    return path


@pytest.fixture(scope="session")
def cifar10() -> Path:
    """The folder with CIFAR-10 as JPEG files: train/CLASS/*.jpg and test/CLASS/*.jpg."""
    return real_data("cifar10")


@pytest.fixture(scope="session")
def camvid() -> Path:
    """The folder with CamVid: classes.txt, and images/ and masks/ in train/ and in val/."""
    return real_data("camvid")


@pytest.fixture(scope="session")
def foreign_weights() -> Path:
    """The folder with weights that other projects trained."""
    return real_data("weights")


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a Chromium that can open a page without a screen."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or pytest.skip("no Chromium on the path; scripts/browser installs one")


@pytest.fixture
def traceable() -> Iterator[None]:
    """Switch the checks of shapes off for a test: torch.compile and strict torch.export cannot trace them."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
