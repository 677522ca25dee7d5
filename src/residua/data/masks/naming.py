"""What the classes are called: a file beside the masks, or names given by the user."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from residua.errors import BadData, BadInput

FILES: Final = (
    *(
        "classes.txt",
        "class_names.txt",
        "labels.txt",
        "names.txt",
        "codes.txt",
        "classes.csv",
        "class_dict.csv",
    ),
    *("label_colors.txt", "label_colours.txt", "labelmap.txt", "labels.csv"),
)
"""What a file of class names is called, the likeliest first."""
VOID_NAMES: Final = frozenset(
    {
        "void",
        "ignore",
        "ignored",
        "unlabelled",
        "unlabeled",
        "unknown",
        "don't care",
        "dontcare",
        "unclassified",
    }
)
"""Names that say of a class that it is none."""
_NUMBER = re.compile(r"[+-]?\d{1,10}$")  # as many digits as 32 bits need
_HEX = re.compile(r"#?([0-9a-fA-F]{6})$")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClassNames:
    """Names of classes, and the value or the colour (0xRRGGBB) of each where they are said too.

    `where` says who named them.
    """

    names: tuple[str, ...]
    values: tuple[int, ...] = ()
    colours: bool = False
    where: str = "given"


def given_names(names: Sequence[str]) -> ClassNames:
    """Return the names that a user gave, or those in the file that is the only one of them.

    Raises:
        BadInput: a name is empty or there twice.
        BadData: the file says something else.
    """
    if len(names) == 1 and Path(names[0]).suffix.lower() in (".txt", ".csv"):
        return read_names(Path(names[0]))
    stripped = tuple(name.strip() for name in names)
    if not all(stripped) or len(set(stripped)) < len(stripped):
        raise BadInput(f"the classes {', '.join(map(repr, names))}: each needs a name of its own")
    return ClassNames(names=stripped)


def names_from(text: str | None) -> tuple[str, ...] | None:
    """Return the names in what a user wrote with commas between them, or None for nothing.

    >>> names_from("sky, road")
    ('sky', 'road')
    """
    return None if text is None else tuple(part.strip() for part in text.split(","))


def values_from(text: str | None) -> tuple[int, ...] | None:
    """Return the values and colours in what a user wrote with commas between them, or None for nothing.

    >>> values_from("255, #0000ff")
    (255, 255)

    Raises:
        BadInput: one is neither.
    """
    return None if text is None else tuple(value_of(part) for part in text.split(","))


def find_names(folders: Iterable[Path]) -> ClassNames | None:
    """Return the names in the first file of names that lies in one of `folders`."""
    for folder in folders:
        for name in FILES:
            if (folder / name).is_file():
                return read_names(folder / name)
    return None


def read_names(path: Path) -> ClassNames:
    """Return the names in a file: one a line, each with its value or its red, green and blue if it has them.

    `sky`, `0 sky`, `sky 128 128 128`, `128 128 128 sky` and the same with commas, colons or tabs are read.

    Raises:
        BadData: it cannot be read, names a class twice, or some of its lines have numbers and others none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read as names of classes: {error}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    parsed = [_parsed(line) for line in lines]
    if parsed and lines[0].casefold().replace(" ", "").startswith(
        ("name,", "class,", "label,", "id,", "r,g,b")
    ):
        parsed = parsed[1:]  # the line that names the columns
    names = tuple(name for name, _ in parsed)
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or not all(names) or twice:
        wrong = f"'{twice[0]}' is there twice" if twice else "a line has no name" if names else "it is empty"
        raise BadData(f"{path} does not name the classes: {wrong}; it needs a name a line")
    lengths = {len(numbers) for _, numbers in parsed}
    if len(lengths) > 1 or not lengths <= {0, 1, 3}:
        raise BadData(
            f"{path} has lines with {' and '.join(map(str, sorted(lengths)))} numbers; give every class its name "
            "alone, its value (0 sky), or its red, green and blue (128 128 128 sky)"
        )
    if lengths == {3} and not all(0 <= number < 256 for _, numbers in parsed for number in numbers):
        raise BadData(f"{path} has a colour outside of 0 to 255; red, green and blue have 8 bits each")
    values = tuple(_value(numbers) for _, numbers in parsed) if lengths != {0} else ()
    return ClassNames(names=names, values=values, colours=lengths == {3}, where=path.name)


def value_of(text: str) -> int:
    """Return the stored value that a user means by `255`, `#ff00ff` or `255,0,255`.

    >>> value_of("255"), hex(value_of("#ff00ff")), hex(value_of("255,0,255"))
    (255, '0xff00ff', '0xff00ff')

    Raises:
        BadInput: it is neither a number nor a colour.
    """
    parts = [part for part in re.split(r"[\s,]+", text.strip()) if part]
    if text.strip().startswith("#") and (colour := _HEX.match(text.strip())):
        return int(colour[1], 16)
    if len(parts) in (1, 3) and all(map(_NUMBER.match, parts)):
        numbers = [int(part) for part in parts]
        if len(numbers) == 1 or all(0 <= number < 256 for number in numbers):
            return _value(numbers)
    raise BadInput(f"'{text}' is no value of a mask: give a number (255) or a colour (#ff00ff)")


def _value(numbers: Sequence[int]) -> int:
    if len(numbers) == 1:
        return numbers[0]
    red, green, blue = numbers
    return red << 16 | green << 8 | blue


def _parsed(line: str) -> tuple[str, list[int]]:
    """Return the name in a line, and the numbers before or after it."""
    parts = [part for part in re.split(r"[\s,:;]+", line) if part]
    first, last = 0, len(parts)
    while first < last - 1 and _NUMBER.match(parts[first]):
        first += 1
    while first == 0 and last > 1 and _NUMBER.match(parts[last - 1]):
        last -= 1
    numbers = [int(part) for part in (*parts[:first], *parts[last:])]
    name = " ".join(parts[first:last])
    if not numbers:  # as it was written: a comma or a colon in it was no separator
        return line.strip(" ,;:\t"), []
    return name, numbers
