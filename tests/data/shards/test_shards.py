"""Shards: written and read again bit for bit, from a disk, from memory and over HTTP; hostile ones refused."""

import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pytest

from residua.data import Batches, Batching, Preprocess, Source, describe, open_source, reopen
from residua.data.shards import Index, open_shards, write_shards
from residua.data.shards.pictures import shuffled
from residua.data.shards.store import Store
from residua.errors import BadData
from tests.data.shards.conftest import contents, jpeg


def small(source: Source, out: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Write shards of a few pictures each."""
    monkeypatch.setattr("residua.data.shards.writing.MEGABYTE", 30_000)
    return write_shards(source, out, megabytes=1)


def test_the_bytes_of_every_file_come_back(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(photos)
    index = small(source, tmp_path / "out", monkeypatch)
    assert len(index.shards) > 8
    opened = open_shards(tmp_path / "out")
    assert contents(opened) == {
        path.relative_to(photos).as_posix(): path.read_bytes() for path in photos.rglob("*.jpg")
    }
    for name, split in source.splits.items():
        assert sorted(zip(split.names, split.labels.tolist(), strict=True)) == sorted(
            zip(opened.splits[name].names, opened.splits[name].labels.tolist(), strict=True)
        )


def test_equal_pictures_give_equal_shards(photos: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_shards(open_source(photos), tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_nothing_is_left_of_a_set_with_a_bad_picture(photos: Path, tmp_path: Path) -> None:
    (photos / "cat" / "0.jpg").write_bytes(jpeg(0)[:300])
    with pytest.raises(BadData, match=r"cat/0\.jpg: .*truncated"):
        write_shards(open_source(photos), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
    index = write_shards(open_source(photos), tmp_path / "out", skip_bad=True)
    assert sum(shard.samples for shard in index.shards) == 39
    with pytest.raises(BadData, match="is there already"):
        write_shards(open_source(photos), tmp_path / "out")


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_each_sample_once_an_epoch_over_all_ranks(ranks: int) -> None:
    shard = np.repeat(np.arange(60), np.random.default_rng(1).integers(1, 40, 60))
    order = shuffled(shard, np.random.default_rng((7, 3, 0)))
    batch = 16
    seen = [
        order[start + rank : start + batch : ranks]
        for start in range(0, len(order), batch)
        for rank in range(ranks)
    ]
    assert sorted(np.concatenate(seen).tolist()) == list(range(len(shard)))


def test_few_shards_are_read_at_a_time_and_samples_are_mixed() -> None:
    shard = np.repeat(np.arange(100), 50)
    order = shuffled(shard, np.random.default_rng(0), among=4)
    windows = shard[order].reshape(-1, 100)
    assert max(len(np.unique(window)) for window in windows) <= 4 + 2 + 2
    assert np.mean([len(np.unique(window)) for window in windows]) > 4
    assert (order != shuffled(shard, np.random.default_rng(1), among=4)).any()
    # No shard is come back to once it was left: it may have been removed from the cache since.
    spans = [np.flatnonzero(shard[order] == number) for number in range(100)]
    assert max(span[-1] - span[0] for span in spans) <= 50 * (4 + 1)


def test_an_epoch_goes_on_from_any_batch_with_the_same_bits(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(open_source(photos), tmp_path / "out", monkeypatch)
    source = open_shards(tmp_path / "out")
    batches = [
        Batches(
            source.splits["train"],
            Preprocess.for_source(source),
            augment=None,
            batching=Batching(size=5, seed=3, shuffle=True),
            workers=workers,
        )
        for workers in (0, 2)
    ]
    whole = list(batches[0].epoch(4))
    assert sorted(np.concatenate([batch.indices.numpy() for batch in whole]).tolist()) == list(range(32))
    rest = list(batches[1].epoch(4, start=3))
    for expected, found in zip(whole[3:], rest, strict=True):
        assert expected.indices.equal(found.indices)
        assert expected.images.equal(found.images)


def test_a_run_opens_the_shards_again_and_no_others(photos: Path, tmp_path: Path) -> None:
    write_shards(open_source(photos), tmp_path / "one")
    written = describe(open_shards(tmp_path / "one"))
    assert not written.splits["train"].names
    assert contents(reopen(tmp_path / "one", written)) == contents(open_shards(tmp_path / "one"))
    (photos / "cat" / "1.jpg").write_bytes(jpeg(999))
    write_shards(open_source(photos), tmp_path / "two")
    with pytest.raises(BadData, match="not those that the run began with"):
        reopen(tmp_path / "two", written)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("foreign", [False, True])
def test_the_same_pictures_over_http(photos: Path, tmp_path: Path, served: str, foreign: bool) -> None:
    pytest.importorskip("aiohttp")
    write_shards(open_source(photos), tmp_path / "out")
    here = open_shards(tmp_path / "out")
    if foreign:
        (tmp_path / "out" / "index.json").unlink()
    there = open_shards(f"{served}/out", cache=tmp_path / "cache")
    assert set(contents(there).values()) == set(contents(here).values())


def put_in_memory(folder: Path) -> str:
    system = fsspec.filesystem("memory")
    system.store.clear()
    for path in folder.iterdir():
        system.pipe_file(f"/set/{path.name}", path.read_bytes())
    return "memory://set"


def test_a_damaged_or_missing_shard_of_a_url_is_named(photos: Path, tmp_path: Path) -> None:
    write_shards(open_source(photos), tmp_path / "out")
    address = put_in_memory(tmp_path / "out")
    store = fsspec.filesystem("memory")
    content = bytearray(store.cat_file("/set/train-000000.tar"))
    content[5_000] ^= 1
    store.pipe_file("/set/train-000000.tar", bytes(content))
    with pytest.raises(Exception, match=r"train-000000\.tar is damaged"):
        contents(open_shards(address, cache=tmp_path / "cache"))
    store.rm("/set/train-000000.tar")
    with pytest.raises(Exception, match=r"there is no memory://set/train-000000\.tar"):
        contents(open_shards(address, cache=tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_the_cache_never_takes_more_than_it_may(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = small(open_source(photos), tmp_path / "out", monkeypatch)
    largest = max(shard.bytes for shard in index.shards)
    store = Store.of(put_in_memory(tmp_path / "out"), cache=tmp_path / "cache", most=3 * largest)
    for shard in (*index.shards, *index.shards):
        assert store.local(shard).stat().st_size == shard.bytes
        assert sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.tar")) <= 3 * largest


def test_a_shard_cut_after_it_was_written_is_named(photos: Path, tmp_path: Path) -> None:
    write_shards(open_source(photos), tmp_path / "out")
    with (tmp_path / "out" / "val-000000.tar").open("r+b") as file:
        file.truncate(4_000)
    with pytest.raises(BadData, match=r"val-000000\.tar has 4,000 bytes, and the index says"):
        open_shards(tmp_path / "out")


def foreign(path: Path, add: Callable[[tarfile.TarFile], None], samples: int = 12) -> Path:
    """Write a shard as other programs do, and something more."""
    path.mkdir()
    with tarfile.open(path / "part-0.tar", "w") as archive:
        for number in range(samples):
            put(archive, f"{number}.jpg", jpeg(number))
            put(archive, f"{number}.cls", str(number % 2).encode())
        add(archive)
    return path


def put(archive: tarfile.TarFile, name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, len(content), "/etc/passwd"
    archive.addfile(member, io.BytesIO(content))


def test_shards_of_another_program_are_divided_by_class(tmp_path: Path) -> None:
    def more(archive: tarfile.TarFile) -> None:
        put(archive, "99.png", jpeg(99))
        put(archive, "99.json", b'{"label": 1}')

    source = open_shards(foreign(tmp_path / "set", more))
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 9, "val": 2, "test": 2}
    assert sorted(contents(source).values()) == sorted(jpeg(number) for number in (*range(12), 99))


@pytest.mark.parametrize(
    ("add", "reason"),
    [
        (lambda archive: put(archive, "../20.jpg", b"x"), "outside of a folder"),
        (lambda archive: put(archive, "/tmp/20.jpg", b"x"), "outside of a folder"),
        (lambda archive: put(archive, "20.jpg", kind=tarfile.SYMTYPE), "no plain file"),
        (lambda archive: put(archive, "20.jpg", kind=tarfile.LNKTYPE), "no plain file"),
        (lambda archive: put(archive, "20.jpg", kind=tarfile.CHRTYPE), "no plain file"),
        (lambda archive: put(archive, "20.jpg", kind=tarfile.FIFOTYPE), "no plain file"),
        (lambda archive: put(archive, "3.jpg", b"x"), "two members called 3.jpg"),
        (lambda archive: put(archive, "20.jpg", b"x"), "has no class"),
        (lambda archive: put(archive, "20.cls", b"1"), "has no picture"),
        (lambda archive: (put(archive, "20.jpg", b"x"), put(archive, "20.cls", b"")), "says no class"),
    ],
    ids=[
        *("above", "absolute", "link", "hard link", "device", "pipe"),
        *("double", "no class", "no picture", "empty class"),
    ],
)
def test_hostile_archives_are_refused(
    tmp_path: Path, add: Callable[[tarfile.TarFile], None], reason: str
) -> None:
    folder = foreign(tmp_path / "set", add)
    with pytest.raises(BadData, match=reason):
        open_shards(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_cut_and_lying_archives_are_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path / "set", lambda archive: None) / "part-0.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:3_000])
    with pytest.raises(BadData, match=r"cut off|no whole tar"):
        open_shards(tmp_path / "set")
    huge = tarfile.TarInfo("0.jpg")
    huge.size = 1 << 40
    path.write_bytes(huge.tobuf(tarfile.GNU_FORMAT) + whole)
    with pytest.raises(BadData, match=r"cut off|no whole tar"):
        open_shards(tmp_path / "set")


def test_an_index_cannot_lead_out_of_its_folder(photos: Path, tmp_path: Path) -> None:
    write_shards(open_source(photos), tmp_path / "out")
    path = tmp_path / "out" / "index.json"
    path.write_text(path.read_text().replace("val-000000.tar", "../photos/cat/1.jpg"))
    with pytest.raises(BadData, match="outside of its folder"):
        open_shards(tmp_path / "out")
