"""Pictures with masks in shards: what comes back is what went in, from every layout, in tar and in Parquet."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import fsspec
import msgspec
import numpy as np
import pytest
from PIL import Image

from residua.data import Batching, is_mask_data
from residua.data.masks import (
    MaskBatches,
    MaskDescription,
    MaskPreprocess,
    MaskSource,
    check_masks,
    describe_masks,
    load_masks,
    open_mask_split,
    open_masks,
    reopen_masks,
)
from residua.data.masks.shards import ShardPairs, write_mask_shards
from residua.data.shards import open_shards
from residua.errors import BadData
from tests.data.masks.make import blobs, saved, two_folders

Format = Literal["tar", "parquet"]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep nothing of a test where a person keeps things."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "residua" / "shards"


def divided(root: Path) -> Path:
    for split, count in (("train", 8), ("val", 3)):
        two_folders(root / split, count)
    return root


def mixed(root: Path) -> Path:
    for index, (picture, mask) in enumerate(blobs(12)):
        saved(root / f"{index}.png", picture)
        saved(root / f"{index}_mask.png", mask)
    return root


def coloured(root: Path) -> Path:
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
    for index, (picture, mask) in enumerate(blobs(12)):
        saved(root / "images" / f"{index}.png", picture)
        saved(root / "masks" / f"{index}.png", colours[mask])
    return root


def a_file_for_each_class(root: Path) -> Path:
    for index, (picture, mask) in enumerate(blobs(12)):
        saved(root / "images" / f"{index}.png", picture)
        for label in (1, 2, 3):
            saved(root / "masks" / str(index) / f"kind{label}.png", (mask == label) * np.uint8(255))
    return root


def sixteen_bits(root: Path) -> Path:
    for index, (picture, mask) in enumerate(blobs(12)):
        saved(root / "images" / f"{index}.png", picture[:, :, 0].astype(np.uint16) * 200)
        saved(root / "masks" / f"{index}.png", mask.astype(np.uint16) * 300)
    return root


def table(root: Path) -> Path:
    two_folders(root)
    lines = [f"images/{index:02d}.jpg,masks/{index:02d}.png" for index in range(12)]
    (root / "pairs.csv").write_text("\n".join(["image,mask", *lines]))
    return root / "pairs.csv"


LAYOUTS = [two_folders, divided, mixed, coloured, a_file_for_each_class, sixteen_bits, table]


def assert_same(ours: MaskSource, theirs: MaskSource) -> None:
    assert ours.classes == theirs.classes
    assert (ours.channels, ours.mirrored, ours.typical_size) == (
        theirs.channels,
        theirs.mirrored,
        theirs.typical_size,
    )
    assert ours.fingerprint() == theirs.fingerprint()
    for name, split in theirs.splits.items():
        assert np.array_equal(ours.splits[name].shapes, split.shapes)
        for index in range(len(split)):
            found, expected = ours.splits[name].read(index, scale=0.5), split.read(index, scale=0.5)
            assert np.array_equal(found.picture, expected.picture)
            assert np.array_equal(found.mask, expected.mask)


@pytest.mark.parametrize("format", ["tar", "parquet"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_what_went_in_comes_back(layout: Callable[[Path], Path], format: Format, tmp_path: Path) -> None:
    source = open_masks(layout(tmp_path / "data"))
    write_mask_shards(source, tmp_path / "out", format=format)
    assert is_mask_data(tmp_path / "out")
    assert_same(open_masks(tmp_path / "out"), source)


def test_classes_and_void_are_those_that_were_given(tmp_path: Path) -> None:
    data = two_folders(tmp_path / "data")
    names = ["ground", "one", "two"]
    source = open_masks(data, classes=names, void=[3])
    write_mask_shards(source, tmp_path / "out")
    assert_same(open_masks(tmp_path / "out"), source)
    with pytest.raises(BadData, match="say themselves what their masks mean"):
        open_masks(tmp_path / "out", classes=names)


def test_a_url_gives_the_same(tmp_path: Path) -> None:
    write_mask_shards(open_masks(two_folders(tmp_path / "data")), tmp_path / "out")
    system = fsspec.filesystem("memory")
    for path in (tmp_path / "out").iterdir():
        system.pipe_file(f"/masks/{path.name}", path.read_bytes())
    assert is_mask_data("memory://masks")
    assert_same(open_masks("memory://masks"), open_masks(tmp_path / "out"))


def test_batches_are_those_of_the_folder_from_memory_and_from_the_shards(tmp_path: Path) -> None:
    source = open_masks(two_folders(tmp_path / "data"))
    write_mask_shards(source, tmp_path / "out")
    opened = open_masks(tmp_path / "out")
    preprocess = MaskPreprocess.for_source(source, crop=32)
    held = load_masks(opened, preprocess)
    told: list[int] = []
    streamed = load_masks(opened, preprocess, memory_limit=0, tell=lambda read, total: told.append(read))
    assert isinstance(streamed.splits["train"].pairs, ShardPairs)
    assert not told  # what will not be held is not read
    batching = Batching(size=4, seed=1, shuffle=True)
    found = [
        list(
            MaskBatches(one.splits["train"], preprocess, augment=None, batching=batching, workers=0).epoch(2)
        )
        for one in (source, held, streamed)
    ]
    for expected, *others in zip(*found, strict=True):
        for other in others:
            assert other.indices.equal(expected.indices)
            assert other.images.equal(expected.images)
            assert other.masks.equal(expected.masks)


def test_a_run_opens_the_shards_again_and_no_others(tmp_path: Path) -> None:
    write_mask_shards(open_masks(two_folders(tmp_path / "one")), tmp_path / "out")
    opened = open_masks(tmp_path / "out")
    written = msgspec.json.decode(msgspec.json.encode(describe_masks(opened)), type=MaskDescription)
    assert not written.splits["train"].names
    assert_same(reopen_masks(tmp_path / "out", written), opened)
    write_mask_shards(open_masks(two_folders(tmp_path / "two", 14)), tmp_path / "other")
    with pytest.raises(BadData, match="not those that the run began with"):
        reopen_masks(tmp_path / "other", written)


def test_they_are_checked_and_one_split_is_opened(tmp_path: Path) -> None:
    source = open_masks(two_folders(tmp_path / "data"))
    write_mask_shards(source, tmp_path / "out")
    assert check_masks(tmp_path / "out").ok
    split, bad = open_mask_split(tmp_path / "out", encoding=source.encoding, channels=3)
    assert (split.name, len(split), bad) == ("test", 1, ())


def test_bad_pairs_stop_it_or_are_left_out(tmp_path: Path) -> None:
    data = two_folders(tmp_path / "data")
    path = data / "images" / "03.jpg"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BadData, match=r"03\.jpg: .*truncated"):
        write_mask_shards(open_masks(data), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    index = write_mask_shards(open_masks(data), tmp_path / "out", skip_bad=True)
    assert sum(shard.samples for shard in index.shards) == 11
    assert_same(open_masks(tmp_path / "out"), open_masks(data).without(load_bad(data)))


def load_bad(data: Path) -> tuple:  # type: ignore[type-arg]
    source = open_masks(data)
    return load_masks(source, MaskPreprocess.for_source(source)).bad


def foreign(path: Path, count: int = 12, *, cut: int | None = None) -> Path:
    """Write a tar file of pictures with masks as other programs do; the mask of one may be cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for number, (picture, mask) in enumerate(blobs(count)):
            for ending, pixels in (("png", picture), ("seg.png", mask)):
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, "PNG")
                content = file.getvalue()[: 60 if number == cut and ending == "seg.png" else None]
                member = tarfile.TarInfo(f"{number:03d}.{ending}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def test_those_of_another_program_are_understood_like_a_folder(tmp_path: Path) -> None:
    foreign(tmp_path / "set" / "part-0.tar")
    (tmp_path / "set" / "classes.txt").write_text("ground\nred\ngreen\nblue\n")
    assert is_mask_data(tmp_path / "set")
    source = open_masks(tmp_path / "set")
    assert source.classes == ("ground", "red", "green", "blue")
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 10, "val": 1, "test": 1}
    for split in source.splits.values():
        for index, name in enumerate(split.names):
            number = int(Path(name).stem)
            assert np.array_equal(split.read(index).mask, blobs(12)[number][1])
    written = describe_masks(source)
    assert_same(reopen_masks(tmp_path / "set", written), source)
    with pytest.raises(
        BadData, match="are pictures with masks, and pictures with one class each are wanted here"
    ):
        open_shards(tmp_path / "set")


def test_a_broken_mask_of_another_program_is_named_each_time(tmp_path: Path) -> None:
    foreign(tmp_path / "set" / "part-0.tar", cut=4)
    for _ in range(2):
        bad = dict(open_masks(tmp_path / "set").bad)
        assert "truncated" in bad["part-0.tar/004.png"]
        assert len(bad) == 1


@pytest.mark.parametrize("pattern", ["../{name}.png", "/tmp/{name}.png", "{name.__class__}.png"])
def test_predictions_cannot_be_led_out_of_their_folder(pattern: str, tmp_path: Path) -> None:
    write_mask_shards(open_masks(two_folders(tmp_path / "data")), tmp_path / "out")
    path = tmp_path / "out" / "masks.json"
    path.write_text(path.read_text().replace("{name}.png", pattern))
    with pytest.raises(BadData, match="names files outside of a folder"):
        open_masks(tmp_path / "out")


def test_what_is_said_of_masks_is_not_believed(tmp_path: Path) -> None:
    write_mask_shards(open_masks(two_folders(tmp_path / "data")), tmp_path / "out")
    values = tmp_path / "out" / "masks.safetensors"
    content = bytearray(values.read_bytes())
    content[-8] ^= 1
    values.write_bytes(bytes(content))
    with pytest.raises(BadData, match="not of one set"):
        open_masks(tmp_path / "out")
