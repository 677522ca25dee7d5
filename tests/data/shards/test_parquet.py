"""Pictures in Parquet files: of this program and of others, a row group at a time, here and elsewhere."""

import io
import json
from pathlib import Path

import fsspec
import numpy as np
import pytest

from residua.data import (
    WHOLE,
    Batches,
    Batching,
    Preprocess,
    Share,
    Source,
    check,
    describe,
    open_data,
    open_source,
    open_split,
    reopen,
)
from residua.data.shards import ShardPictures, is_sharded, open_shards, parquet, write_shards
from residua.data.shards.pictures import row_groups
from residua.errors import BadData
from tests.data.shards.conftest import contents, jpeg

pyarrow = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def written(
    path: Path, count: int = 30, *, labels: str = "class", structs: bool = True, rows: int = 7, first: int = 0
) -> Path:
    """Write a Parquet file as other programs do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = range(first, first + count)
    images = [
        {"bytes": jpeg(number), "path": f"{number}.jpg"} if structs else jpeg(number) for number in numbers
    ]
    kinds = {
        "class": pyarrow.array([number % 3 for number in numbers], pyarrow.int64()),
        "int": pyarrow.array([7 + number % 3 for number in numbers], pyarrow.int32()),
        "string": pyarrow.array([f"kind {number % 3}" for number in numbers]),
        "dictionary": pyarrow.array([f"kind {number % 3}" for number in numbers]).dictionary_encode(),
    }
    features = {
        "image": {"_type": "Image"},
        "label": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"},
    }
    table = pyarrow.table({"image": images, "label": kinds[labels]})
    if labels == "class":
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=rows)
    return path


def test_the_bytes_of_every_file_come_back(photos: Path, tmp_path: Path) -> None:
    index = write_shards(open_source(photos), tmp_path / "out", format="parquet")
    assert [shard.name for shard in index.shards] == [
        f"{name}-000000.parquet" for name in ("train", "val", "test")
    ]
    assert contents(open_shards(tmp_path / "out")) == {
        path.relative_to(photos).as_posix(): path.read_bytes() for path in photos.rglob("*.jpg")
    }


def test_it_is_written_as_others_read_it_and_the_same_each_time(photos: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_shards(open_source(photos), tmp_path / name, format="parquet")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    table = pq.read_table(tmp_path / "one" / "train-000000.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"names": ["cat", "dog"], "_type": "ClassLabel"}
    for image, label in zip(table["image"].to_pylist(), table["label"].to_pylist(), strict=True):
        assert image["bytes"] == (photos / image["path"]).read_bytes()
        assert image["path"].startswith(features["label"]["names"][label])


@pytest.mark.parametrize("structs", [False, True])
@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ("class", ("cat", "dog", "owl")),
        ("int", ("7", "8", "9")),
        ("string", ("kind 0", "kind 1", "kind 2")),
        ("dictionary", ("kind 0", "kind 1", "kind 2")),
    ],
)
def test_files_of_another_program(
    tmp_path: Path, labels: str, classes: tuple[str, ...], structs: bool
) -> None:
    path = written(tmp_path / "set.parquet", labels=labels, structs=structs)
    assert is_sharded(path)
    source = open_data(path)
    assert isinstance(source, Source)
    assert source.classes == classes
    assert sum(map(len, source.splits.values())) == 30
    for split in source.splits.values():
        assert isinstance(split.pictures, ShardPictures)
        for index, (name, label) in enumerate(zip(split.names, split.labels.tolist(), strict=True)):
            number = int(name.rpartition("/")[2])
            assert split.pictures.content(index) == jpeg(number)
            assert label == number % 3


def test_the_splits_are_those_of_the_names_of_the_files(tmp_path: Path) -> None:
    for number in range(3):
        written(tmp_path / f"train-0000{number}-of-00003.parquet", 10, first=10 * number)
    written(tmp_path / "test-00000-of-00001.parquet", 6, first=30)
    source = open_shards(tmp_path)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 27, "val": 3, "test": 6}
    assert len(open_split(tmp_path, classes=("cat", "dog", "owl"))) == 6
    assert check(tmp_path).ok


def test_rows_that_say_no_class_are_left_out_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "set.parquet")
    table = pq.read_table(path)
    labels = pyarrow.array([-1, None, *range(3), *[0] * 25], pyarrow.int64())
    pq.write_table(table.set_column(1, "label", labels), path, row_group_size=4)
    source = open_shards(path)
    assert len(contents(source)) == 28
    assert any("2 rows without a label left out" in note for note in source.notes)


def test_the_same_pictures_from_a_url(tmp_path: Path) -> None:
    path = written(tmp_path / "set.parquet")
    fsspec.filesystem("memory").pipe_file("/here/set.parquet", path.read_bytes())
    here, there = open_shards(path), open_shards("memory://here/set.parquet")
    assert contents(here) == contents(there)
    assert here.fingerprint() == there.fingerprint()


def batches(source: Source, workers: int, share: Share = WHOLE) -> Batches:
    return Batches(
        source.splits["train"],
        Preprocess.for_source(source),
        augment=None,
        batching=Batching(size=5, seed=3, shuffle=True),
        workers=workers,
        share=share,
    )


def test_each_sample_once_an_epoch_over_all_ranks(tmp_path: Path) -> None:
    written(tmp_path / "set.parquet", 60)
    source = open_shards(tmp_path)
    ranks = [list(batches(source, 0, Share(rank, 3)).epoch(1)) for rank in range(3)]
    seen = np.concatenate([batch.indices.numpy() for rank in ranks for batch in rank])
    assert sorted(seen.tolist()) == list(range(len(source.splits["train"])))


def test_an_epoch_goes_on_from_any_batch_with_the_same_bits(tmp_path: Path) -> None:
    written(tmp_path / "set.parquet", 60)
    source = open_shards(tmp_path)
    whole = list(batches(source, 0).epoch(4))
    count = len(source.splits["train"])
    assert sorted(np.concatenate([batch.indices.numpy() for batch in whole]).tolist()) == list(range(count))
    for expected, found in zip(whole[3:], batches(source, 2).epoch(4, start=3), strict=True):
        assert expected.indices.equal(found.indices)
        assert expected.images.equal(found.images)


def test_few_row_groups_are_read_at_a_time_and_few_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for eight groups, each of forty is read about once in an epoch, and no more than eight are held."""
    path = written(tmp_path / "set.parquet", 200, rows=5)
    source = open_shards(path)
    train = source.splits["train"]
    assert isinstance(train.pictures, ShardPictures)
    groups = row_groups(train.pictures.shards, train.pictures.samples)
    assert len(np.unique(groups)) == 40
    most = int(8.5 * 5 * len(jpeg(0)))
    held = parquet.Held(most)
    monkeypatch.setattr("residua.data.shards.parquet._held", held)
    monkeypatch.setattr("residua.data.shards.pictures.HELD", most)
    reads = []
    read = parquet._read
    monkeypatch.setattr(
        "residua.data.shards.parquet._read",
        lambda path, number, column: reads.append(number) or read(path, number, column),
    )
    order = train.pictures.order(len(train), np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(len(train)))
    for index in order.tolist():
        train.pictures.content(index)
        assert held.bytes <= most
    assert 40 <= len(reads) < 60
    assert len(np.unique(groups[order[:40]])) > 4  # and mixed all the same


def test_memory_stays_small_whatever_the_file(tmp_path: Path) -> None:
    """Of a file of 48 MB whose rows are read one after the other, never as much as a quarter is held by PyArrow."""
    path = tmp_path / "set.parquet"
    schema = pyarrow.schema([("image", pyarrow.binary()), ("label", pyarrow.int64())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for group in range(48):
            images = [jpeg(0) + np.random.default_rng([group, row]).bytes(99_000) for row in range(10)]
            writer.write_table(pyarrow.table([images, [row % 2 for row in range(10)]], schema=schema))
    source = open_shards(path)
    before, most = pyarrow.total_allocated_bytes(), 0
    held = parquet.Held(4_000_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("residua.data.shards.parquet._held", held)
        for split in source.splits.values():
            for index in range(len(split)):
                assert isinstance(split.pictures, ShardPictures)
                split.pictures.content(index)
                most = max(most, pyarrow.total_allocated_bytes() - before)
    assert 0 < most < path.stat().st_size / 4


def test_a_run_opens_the_files_again_and_no_others(tmp_path: Path) -> None:
    path = written(tmp_path / "set.parquet")
    description = describe(open_shards(path))
    assert contents(reopen(path, description)) == contents(open_shards(path))
    written(path, 33)
    with pytest.raises(BadData, match="not those that the run began with"):
        reopen(path, description)


def test_a_row_without_a_picture_and_a_broken_one_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "set.parquet")
    table = pq.read_table(path)
    images = table["image"].to_pylist()
    images[4] = {"bytes": None, "path": "4.jpg"}
    images[5] = {"bytes": images[5]["bytes"][:200], "path": "5.jpg"}
    pq.write_table(table.set_column(0, "image", pyarrow.array(images)), path)
    bad = dict(check(path).bad)
    assert "no bytes in its row 4" in bad["set.parquet/4"]
    assert "truncated" in bad["set.parquet/5"]
    assert len(bad) == 2


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"image": [b"x"] * 4, "one": [1, 2, 1, 2], "two": [1, 2, 1, 2]}, "no column of labels .* one, two"),
        ({"image": [b"x"] * 4, "score": [0.5] * 4}, "no column of labels"),
        ({"left": [b"x"] * 4, "right": [b"x"] * 4}, "more than one column of bytes"),
        ({"image": [b"x"] * 4, "label": [1] * 4}, "1 class in it"),
        ({"image": [b"x"] * 4, "label": [1, 2, 1, 2]}, "none of the pictures .*not a picture|text, not"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    tmp_path: Path, columns: dict[str, list[object]], reason: str
) -> None:
    pq.write_table(pyarrow.table(columns), tmp_path / "set.parquet")
    with pytest.raises(BadData, match=reason):
        open_data(tmp_path / "set.parquet")


def test_damaged_files_and_huge_row_groups_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "set.parquet")
    monkeypatch.setattr("residua.data.shards.parquet.LARGEST_GROUP", 10_000)
    with pytest.raises(BadData, match="Write it again in smaller ones"):
        open_data(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(BadData, match="cannot be read as a Parquet file"):
        open_data(path)


def test_a_table_of_paths_is_still_a_table(photos: Path) -> None:
    names = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.jpg"))]
    file = io.BytesIO()
    pq.write_table(pyarrow.table({"path": names, "label": [name[:3] for name in names]}), file)
    (photos / "set.parquet").write_bytes(file.getvalue())
    assert not is_sharded(photos / "set.parquet")
    assert not is_sharded(photos)
    assert len(open_source(photos / "set.parquet").splits["train"]) == 32
