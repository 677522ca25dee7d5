"""Which columns of a Parquet file are the pictures, their masks and their classes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from residua.data.arrow import arrow, opened_parquet
from residua.data.tables import LABEL_NAMES, MASK_NAMES, PATH_NAMES
from residua.errors import BadData

_PICTURES: Final = (*PATH_NAMES, "pixel_values", "photo", "jpg", "jpeg", "png", "webp", "bytes", "content")


class Columns(NamedTuple):
    """The columns by name; of the masks and of the labels there is one.

    `classes` are the names of the numbers in the column of labels, where the file says them.
    """

    picture: str
    mask: str | None = None
    label: str | None = None
    classes: tuple[str, ...] = ()


def holds_pictures(path: Path) -> bool:
    """Return whether a Parquet file holds the bytes of pictures, and no paths of them; only its footer is read.

    Raises:
        BadData: it is no Parquet file.
        MissingExtra: PyArrow is not installed.
    """
    with opened_parquet(path) as file:
        return bool(_of_bytes(file.schema_arrow))


def has_mask_column(path: Path) -> bool:
    """Return whether a Parquet file holds masks beside its pictures; only its footer is read.

    Raises:
        BadData: it is no Parquet file, or its columns cannot be told apart.
        MissingExtra: PyArrow is not installed.
    """
    with opened_parquet(path) as file:
        return columns_of(file.schema_arrow, path.name).mask is not None


def columns_of(schema: Any, name: str) -> Columns:
    """Return the columns of a Parquet file with this schema.

    Pictures and masks are columns of bytes, or of the struct {bytes, path} of the Hugging Face `Image` feature
    ([datasets](https://huggingface.co/docs/datasets/image_dataset)); labels are numbers or words.

    Args:
        schema: as PyArrow has it.
        name: of the file, for an error.

    Raises:
        BadData: they cannot be told apart.
    """
    held = _of_bytes(schema)
    if not held:
        raise BadData(
            f"{name} has no column with the bytes of pictures ({', '.join(schema.names)}); it needs one of "
            "binary values, or of structs with a field 'bytes'"
        )
    if len(held) > 1:
        mask = _named(held, MASK_NAMES)
        rest = [column for column in held if column != mask]
        picture = _named(rest, _PICTURES) or (rest[0] if len(rest) == 1 else None)
        if mask is None or picture is None:
            raise BadData(
                f"{name} has more than one column of bytes ({', '.join(held)}), and their names do not say which "
                "are the pictures and which the masks; call them image and mask"
            )
        return Columns(picture, mask=mask)
    others = [field.name for field in schema if field.name not in held and _says_a_class(field.type)]
    label = _named(others, LABEL_NAMES) or (others[0] if len(others) == 1 else None)
    if label is None:
        which = f"any of {', '.join(others)} could be" if others else "none of its columns is"
        raise BadData(f"{name} has no column of labels that is told by its name: {which}; call it label")
    return Columns(held[0], label=label, classes=_class_names(schema, label))


def _of_bytes(schema: Any) -> list[str]:
    """Return the names of the columns that hold files as bytes."""
    types = arrow("reading a Parquet file").types

    def is_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    def is_file(kind: Any) -> bool:
        return bool(types.is_struct(kind)) and any(
            kind.field(place).name == "bytes" and is_bytes(kind.field(place).type)
            for place in range(kind.num_fields)
        )

    return [field.name for field in schema if is_bytes(field.type) or is_file(field.type)]


def _says_a_class(kind: Any) -> bool:
    types = arrow("reading a Parquet file").types
    if types.is_dictionary(kind):
        kind = kind.value_type
    words = types.is_string(kind) or types.is_large_string(kind)
    return bool(words or types.is_integer(kind) or types.is_boolean(kind))


def _named(columns: Sequence[str], names: Sequence[str]) -> str | None:
    folded = {column.strip().casefold().replace(" ", "_"): column for column in columns}
    return next((folded[name] for name in names if name in folded), None)


def _class_names(schema: Any, label: str) -> tuple[str, ...]:
    """Return the names that a Hugging Face `ClassLabel` gives to its numbers, or nothing where there is none."""
    try:
        said = json.loads((schema.metadata or {}).get(b"huggingface", b"null"))
        names = said["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    return tuple(names) if isinstance(names, list) and all(isinstance(one, str) for one in names) else ()
