"""What is found out about shards of other programs is kept, and used as long as it is true."""

import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from residua.data import Source, is_mask_data
from residua.data.masks import open_masks
from residua.data.shards import open_shards
from tests.data.masks.make import blobs
from tests.data.shards.conftest import jpeg


def tar(path: Path, first: int = 0, count: int = 10) -> Path:
    """Write a shard as other programs do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for number in range(first, first + count):
            for ending, content in (("jpg", jpeg(number)), ("cls", str(number % 2).encode())):
                member = tarfile.TarInfo(f"{number}.{ending}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for number in range(3):
        tar(tmp_path / "set" / f"part-{number}.tar", 10 * number)
    return tmp_path / "set"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the archives that are opened, as they are."""
    names: list[str] = []
    opened = tarfile.open

    def noted(path: Path, mode: str, **more: str) -> tarfile.TarFile:
        if mode.startswith("r"):
            names.append(path.name)
        return opened(path, mode, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr("residua.data.shards.scan.tarfile.open", noted)
    return names


def assert_same(ours: Source, theirs: Source) -> None:
    assert ours.fingerprint() == theirs.fingerprint()
    assert ours.classes == theirs.classes
    assert ours.notes == theirs.notes


def test_the_second_opening_reads_no_archive(shards: Path, looked: list[str]) -> None:
    told: list[tuple[int, int]] = []
    first = open_shards(shards, tell=lambda *count: told.append(count))
    assert looked == ["part-0.tar", "part-1.tar", "part-2.tar"]
    assert told == [(0, 3), (1, 3), (2, 3)]
    del looked[:]
    assert_same(open_shards(shards), first)
    assert is_mask_data(shards) is False
    assert not looked
    assert [path.name for path in sorted(shards.iterdir())] == [f"part-{number}.tar" for number in range(3)]


def test_another_seed_divides_what_is_kept_anew(shards: Path, looked: list[str]) -> None:
    first = open_shards(shards)
    del looked[:]
    other = open_shards(shards, seed=1)
    assert not looked
    assert first.splits["train"].names[:] != other.splits["train"].names[:] or first.seed != other.seed
    assert set(first.splits["val"].names) != set(other.splits["val"].names)


@pytest.mark.parametrize("change", ["longer", "newer", "one more", "renamed"])
def test_what_has_changed_is_looked_through_again(shards: Path, looked: list[str], change: str) -> None:
    open_shards(shards)
    del looked[:]
    path = shards / "part-1.tar"
    match change:
        case "longer":
            tar(path, 10, 12)
        case "newer":
            tar(path, 100)
        case "one more":
            tar(shards / "part-3.tar", 30)
        case "renamed":
            path.rename(shards / "part-9.tar")
    source = open_shards(shards)
    assert len(looked) == len(list(shards.iterdir()))
    assert sum(map(len, source.splits.values())) == {"longer": 32, "one more": 40}.get(change, 30)


@pytest.mark.parametrize("left", ["half", "nothing", "other", "no samples"])
def test_what_is_kept_by_half_is_found_out_again(
    shards: Path, looked: list[str], cache: Path, left: str
) -> None:
    first = open_shards(shards)
    (index,) = cache.rglob("index.json")
    match left:
        case "half":
            index.write_bytes(index.read_bytes()[:300])
        case "nothing":
            index.write_bytes(b"")
        case "other":
            index.write_text(index.read_text().replace('"samples": "', '"samples": "0'))
        case "no samples":
            index.with_name("samples.safetensors").unlink()
    del looked[:]
    assert_same(open_shards(shards), first)
    assert len(looked) == 3
    assert_same(open_shards(shards), first)
    assert len(looked) == 3
    assert not list(cache.rglob("*.part"))


def test_where_nothing_can_be_kept_it_is_found_out_each_time(
    shards: Path, looked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert_same(open_shards(shards), open_shards(shards))
    assert len(looked) == 6


def test_masks_are_kept_too(tmp_path: Path, looked: list[str]) -> None:
    (tmp_path / "set").mkdir()
    with tarfile.open(tmp_path / "set" / "part-0.tar", "w") as archive:
        for number, (picture, mask) in enumerate(blobs(12)):
            for ending, pixels in (("png", picture), ("mask.png", mask)):
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, "PNG")
                member = tarfile.TarInfo(f"{number}.{ending}")
                member.size = len(file.getvalue())
                archive.addfile(member, io.BytesIO(file.getvalue()))
    assert is_mask_data(tmp_path / "set")
    first = open_masks(tmp_path / "set")
    del looked[:]
    again = open_masks(tmp_path / "set", classes=["ground", "a", "b", "c"])
    assert is_mask_data(tmp_path / "set")
    assert not looked
    assert again.classes == ("ground", "a", "b", "c")
    for name, split in first.splits.items():
        assert np.array_equal(again.splits[name].counts, split.counts)


def test_a_changed_file_of_a_url_is_fetched_again(tmp_path: Path, looked: list[str]) -> None:
    """Two files of one name and one length: a time or a tag is all that tells them apart."""
    system = fsspec.filesystem("memory")
    one, two = (tar(tmp_path / f"{number}.tar", first).read_bytes() for number, first in enumerate((0, 50)))
    size = max(len(one), len(two))
    system.pipe_file("/kept/part-0.tar", one.ljust(size, b"\0"))
    first = open_shards("memory://kept")
    assert_same(open_shards("memory://kept"), first)
    assert looked == ["part-0.tar"]
    system.pipe_file("/kept/part-0.tar", two.ljust(size, b"\0"))
    second = open_shards("memory://kept")
    assert second.fingerprint() != first.fingerprint()
    assert looked == ["part-0.tar"] * 2
    found = {second.splits["train"].pictures.content(index) for index in range(4)}  # type: ignore[attr-defined]
    assert found <= {jpeg(number) for number in range(50, 60)}


class Counting(SimpleHTTPRequestHandler):
    fetched: list[str]

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self.fetched.append(self.path)
        super().do_GET()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    fetched: list[str] = []
    monkeypatch.setattr(Counting, "fetched", fetched, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Counting, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", fetched
        server.shutdown()
        thread.join()


def test_over_http_the_second_opening_fetches_no_archive(shards: Path, served: tuple[str, list[str]]) -> None:
    pytest.importorskip("aiohttp")
    address, fetched = served
    first = open_shards(f"{address}/set")
    assert sum(path.endswith(".tar") for path in fetched) >= 3
    del fetched[:]
    assert_same(open_shards(f"{address}/set"), first)
    assert [path for path in fetched if path.endswith(".tar")] == []
