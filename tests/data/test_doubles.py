"""Files with equal bytes are found, and found cheaply."""

from pathlib import Path

from residua.data.doubles import equal_files


def write(folder: Path, contents: dict[str, bytes]) -> list[str]:
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return list(contents)


def test_equal_bytes_are_a_group_and_nothing_else_is(tmp_path: Path) -> None:
    long = bytes(40_000)
    contents = {
        "a": b"one",
        "b": b"two",
        "c": b"one",
        "long": long,
        "end differs": long[:-1] + b"x",
        "beginning differs": b"x" + long[1:],
        "d": b"one",
        "long again": long,
        "longer": long + b"x",
    }
    assert equal_files(tmp_path, write(tmp_path, contents)) == [(0, 2, 6), (3, 7)]


def test_what_is_empty_or_not_there_equals_nothing(tmp_path: Path) -> None:
    names = write(tmp_path, {"empty": b"", "empty too": b""})
    assert equal_files(tmp_path, [*names, "gone", "gone"]) == []


def test_only_files_of_one_size_are_opened(tmp_path: Path) -> None:
    names = write(tmp_path, {"a": b"1", "b": b"22", "c": b"333"})
    opened: list[str] = []
    real = Path.open

    def noted(self: Path, *args: object, **kwargs: object) -> object:
        opened.append(self.name)
        return real(self, *args, **kwargs)  # type: ignore[call-overload]

    Path.open = noted  # type: ignore[assignment, method-assign]
    try:
        equal_files(tmp_path, names)
    finally:
        Path.open = real  # type: ignore[method-assign]
    assert opened == []
