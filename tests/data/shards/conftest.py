"""Where the tests of shards keep what they find out, and pictures to put in shards."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from residua.data import Source
from residua.data.shards.pictures import ShardPictures


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


def contents(source: Source) -> dict[str, bytes]:
    """Return the bytes of each picture of a set of shards, by its name."""
    found = {}
    for split in source.splits.values():
        assert isinstance(split.pictures, ShardPictures)
        found |= {name: split.pictures.content(index) for index, name in enumerate(split.names)}
    return found
