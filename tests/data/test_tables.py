"""Tables of pictures: their columns, their lines, their splits."""

import errno
import sys
from pathlib import Path

import pytest
from PIL import Image

from residua.data import Source, load, open_source
from residua.data.preprocess import Preprocess
from residua.errors import BadData, MissingExtra

NAMES = [f"img/{index}.png" for index in range(20)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "img").mkdir()
    for index, name in enumerate(NAMES):
        Image.new("RGB", (10, 8), (index, 0, 0)).save(tmp_path / name)
    return tmp_path


def table(folder: Path, header: str | None, rows: list[str], name: str = "labels.csv") -> Path:
    lines = rows if header is None else [header, *rows]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def label_of(index: int) -> str:
    return "cat" if index % 2 else "dog"


def labelled(source: Source) -> dict[str, str]:
    return {
        name: source.classes[label]
        for split in source.splits.values()
        for name, label in zip(split.names, split.labels, strict=True)
    }


EXPECTED = {name: label_of(index) for index, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    ("header", "row", "name"),
    [
        ("path,label", "{name},{label}", "t.csv"),
        ("Label;File Name;comment", "{label};{name};nice", "t.csv"),
        ("id\timage\tclass", "7\t{name}\t{label}", "t.tsv"),
        ("picture of,what", "{name},{label}", "t.csv"),
        (None, "{name},{label}", "t.csv"),
        ('path,label,"a, b"', '"{name}","{label}",x', "t.csv"),
        ("\ufeffpath,label", "{name},{label}", "t.csv"),
    ],
)
def test_columns_are_found_by_name_or_by_what_they_hold(
    folder: Path, header: str | None, row: str, name: str
) -> None:
    rows = [row.format(name=picture, label=label) for picture, label in EXPECTED.items()]
    source = open_source(table(folder, header, rows, name))
    assert labelled(source) == EXPECTED
    assert any("paths from column" in note for note in source.notes)
    assert not load(source, Preprocess.for_source(source)).bad


def test_a_split_column_divides(folder: Path) -> None:
    splits = ["train"] * 12 + ["valid"] * 4 + ["TEST"] * 4
    rows = [f"{name},{label},{split}" for (name, label), split in zip(EXPECTED.items(), splits, strict=True)]
    source = open_source(table(folder, "path,label,split", rows))
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 12, "val": 4, "test": 4}


def test_parquet_reads_as_the_same_csv(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"path": list(EXPECTED), "label": [int(label == "cat") for label in EXPECTED.values()]}
    parquet.write_table(pyarrow.table(columns), folder / "t.parquet")
    rows = [f"{name},{label}" for name, label in zip(*columns.values(), strict=True)]
    ours = open_source(folder / "t.parquet")
    assert ours.fingerprint() == open_source(table(folder, "path,label", rows)).fingerprint()
    assert ours.classes == ("0", "1")


def test_parquet_without_pyarrow_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'residua\[data\]'"):
        open_source(folder / "t.parquet")


def test_text_in_a_parquet_that_is_none_is_no_traceback(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    labels = pyarrow.array(["a", "bc"])
    broken = pyarrow.StringArray.from_buffers(2, labels.buffers()[1], pyarrow.py_buffer(b"a\xab\xab"))
    table = pyarrow.table({"path": pyarrow.array(["1.png", "2.png"]), "label": broken})
    parquet.write_table(table, folder / "t.parquet")
    with pytest.raises(BadData, match=r"cannot be read as a Parquet file.*copy it again"):
        open_source(folder / "t.parquet")


def test_a_broken_parquet_is_no_traceback(folder: Path) -> None:
    pytest.importorskip("pyarrow")
    (folder / "t.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(BadData, match="cannot be read as a Parquet file"):
        open_source(folder / "t.parquet")


def test_missing_files_are_named_with_their_line(folder: Path) -> None:
    splits = ["train"] * 16 + ["val"] * 2 + ["test"] * 2
    rows = [f"{name},{label},{split}" for (name, label), split in zip(EXPECTED.items(), splits, strict=True)]
    rows[4] = "img/gone.png,cat,train"
    source = open_source(table(folder, "path,label,split", rows))
    assert [(file.name, file.reason) for file in source.bad] == [
        ("img/gone.png", "there is no such file (line 6 of labels.csv)")
    ]
    loaded = load(source, Preprocess.for_source(source))
    assert loaded.bad == source.bad
    assert sum(map(len, loaded.without(loaded.bad).splits.values())) == 19


def test_a_table_beside_the_wrong_folder_is_said_once(folder: Path) -> None:
    rows = [f"pictures/{name},{label}" for name, label in EXPECTED.items()]
    with pytest.raises(BadData, match="of 20 files none exists"):
        open_source(table(folder, "path,label", rows))


def test_absolute_paths_are_read(folder: Path) -> None:
    rows = [f"{folder / name},{label}" for name, label in EXPECTED.items()]
    (folder / "elsewhere").mkdir()
    source = open_source(table(folder / "elsewhere", "path,label", rows))
    assert not load(source, Preprocess.for_source(source)).bad


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("a,b,c", "{name},{label},x", "no column of the labels"),
        ("x,label", "nothing,{label}", "no column of the paths"),
        ("path,label", "{name},", "line 2 has no label"),
        ("path,label", "{name},{label},extra", "line 2 has 3 cells, the header has 2"),
        ("path,label", "{name}", "line 2 has 1 cell, the header has 2"),
    ],
)
def test_what_cannot_be_understood_is_said(folder: Path, header: str, row: str, message: str) -> None:
    rows = [row.format(name=picture, label=label) for picture, label in EXPECTED.items()]
    with pytest.raises(BadData, match=message):
        open_source(table(folder, header, rows))


def test_a_split_that_is_none_is_named(folder: Path) -> None:
    rows = [
        f"{name},{label},{'train' if index else 'holdout'}"
        for index, (name, label) in enumerate(EXPECTED.items())
    ]
    with pytest.raises(BadData, match="line 2 says split 'holdout'"):
        open_source(table(folder, "path,label,split", rows))


def test_a_header_alone_is_not_told_that_its_columns_are_missing(folder: Path) -> None:
    with pytest.raises(BadData, match="has a header and nothing below it"):
        open_source(table(folder, "path,label", []))


def test_a_table_that_may_not_be_read_is_not_told_to_be_utf8(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = table(folder, "path,label", [f"{name},{label}" for name, label in EXPECTED.items()])

    def forbid(path: Path, **_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", forbid)
    with pytest.raises(BadData, match=r"labels\.csv cannot be looked at: Permission denied") as caught:
        open_source(labels)
    assert "UTF-8" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'path,label\n"never closed,cat\n'])
def test_what_is_no_csv_is_no_traceback(folder: Path, content: bytes) -> None:
    (folder / "t.csv").write_bytes(content)
    with pytest.raises(BadData):
        open_source(folder / "t.csv")
