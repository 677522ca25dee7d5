"""Where the tests of shards keep what they find out, and pictures to put in shards."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep nothing of a test where a person keeps things."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "residua" / "shards"


def jpeg(seed: int, side: int = 40) -> bytes:
    """Return a small picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=98)
    return file.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of twenty pictures each."""
    for number, label in enumerate(("cat", "dog")):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for index in range(20):
            (tmp_path / "photos" / label / f"{index}.jpg").write_bytes(jpeg(100 * number + index))
    return tmp_path / "photos"
