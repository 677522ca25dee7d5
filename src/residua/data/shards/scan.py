"""Tar shards that other programs wrote, looked through once: what is in them, and nothing taken out."""

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from residua.data.tables import MASK_NAMES
from residua.data.walking import SUFFIXES
from residua.errors import BadData

MOST_BYTES = 1024**3
"""The largest member that is taken for a picture; its size is what the archive says, and need not be true."""
_MOST_LABEL = 1024**2
_LABELS = (".cls", ".json", ".txt")
_KEYS = ("label", "class", "cls", "class_name", "category")


class Member(NamedTuple):
    """One sample: its name, where its picture lies, and what its label says or where its mask lies."""

    name: str
    offset: int
    length: int
    label: str = ""
    mask_offset: int = 0
    mask_length: int = 0


def members(path: Path) -> list[Member]:
    """Return the samples of the tar file at `path`, in their order there.

    Files belong together by what is before the first dot of their names; of each sample one is the picture and
    one, .cls, .json or .txt, says its class, or one, such as .mask.png, is its mask.

    Raises:
        BadData: the archive is cut off, compressed or hostile, or a sample is not whole.
    """
    samples: dict[str, dict[str, tarfile.TarInfo]] = {}
    size = path.stat().st_size
    with tar_opened(path) as archive:
        for member in _files(archive, path, size):
            folder, name = PurePosixPath(member.name).parent, PurePosixPath(member.name).name
            key, dot, ending = name.partition(".")
            parts = samples.setdefault(str(folder / key), {})
            if f"{dot}{ending}".lower() in parts:
                raise BadData(
                    f"{path.name} has two members called {member.name}; one sample has one file of each kind, "
                    "so write the shard again without the double"
                )
            parts[f"{dot}{ending}".lower()] = member
        return [_sample(archive, path, key, parts) for key, parts in samples.items()]


@contextmanager
def tar_opened(path: Path) -> Iterator[tarfile.TarFile]:
    """Give the tar file at `path`.

    Raises:
        BadData: it is none, or cut off, or compressed.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        hint = "; unpack it first, pictures do not get smaller by it" if _compressed(path) else ""
        raise BadData(f"{path.name} is no whole tar archive: {error}{hint}") from error


def _files(archive: tarfile.TarFile, path: Path, size: int) -> Iterator[tarfile.TarInfo]:
    """Give the members that are files, and refuse an archive with anything in it that is not for reading."""
    for member in archive:
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or "\0" in member.name or "\\" in member.name:
            raise BadData(
                f"{path.name} has a member '{member.name}' that would lie outside of a folder it is unpacked to; "
                "nothing of it is read. Have it written again by someone you trust"
            )
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise BadData(
                f"{path.name} has a member '{member.name}' that is a link, a device or otherwise no plain file; "
                "nothing of it is read. Write the shard again with files alone"
            )
        if member.offset_data + member.size > size:
            raise BadData(
                f"{path.name} is cut off: '{member.name}' should have {member.size:,} bytes, and the archive ends "
                "before that; copy it again"
            )
        yield member


def has_masks(path: Path) -> bool:
    """Return whether the first sample of the tar file at `path` has a mask; nothing behind it is read.

    Raises:
        BadData: it is no tar archive, or hostile up to there.
    """
    first = ""
    with tar_opened(path) as archive:
        for member in _files(archive, path, path.stat().st_size):
            key = PurePosixPath(member.name).name.partition(".")[0]
            if first not in ("", key):
                return False
            first = key
            if _is_mask(_ending(member.name)):
                return True
    return False


def _is_mask(ending: str) -> bool:
    """Return whether a file of a sample is its mask: .mask.png, .seg.png and the like."""
    kind, dot, suffix = ending.removeprefix(".").partition(".")
    return bool(dot) and kind in MASK_NAMES and f".{suffix}" in SUFFIXES


def _sample(archive: tarfile.TarFile, path: Path, key: str, parts: dict[str, tarfile.TarInfo]) -> Member:
    pictures = [member for ending, member in parts.items() if ending in SUFFIXES]
    labels = [member for ending, member in parts.items() if ending in _LABELS]
    masks = [member for ending, member in parts.items() if _is_mask(ending)]
    if len(pictures) != 1 or not (labels or masks) or len(masks) > 1:
        lack = "no class" if len(pictures) == 1 and not masks else "several masks" if masks else "no picture"
        lack = "several pictures" if len(pictures) > 1 else lack
        raise BadData(
            f"sample '{key}' of {path.name} has {lack} ({', '.join(sorted(parts))}); each needs one picture, "
            f"{key}.jpg or .png, and its class in {key}.cls or {key}.json, or its mask in {key}.mask.png"
        )
    picture = pictures[0]
    for file in (picture, *masks):
        if file.size > MOST_BYTES:
            raise BadData(
                f"'{file.name}' of {path.name} says it has {file.size:,} bytes; at most {MOST_BYTES:,} are read"
            )
    name = f"{path.name}/{picture.name}"
    if masks:
        mask = masks[0]
        return Member(
            name, picture.offset_data, picture.size, mask_offset=mask.offset_data, mask_length=mask.size
        )
    return Member(name, picture.offset_data, picture.size, _label(archive, path, labels))


def _label(archive: tarfile.TarFile, path: Path, labels: list[tarfile.TarInfo]) -> str:
    """Return the class that a .cls, else a .json, else a .txt says."""
    member = min(labels, key=lambda label: _LABELS.index(_ending(label.name)))
    file = archive.extractfile(member) if member.size <= _MOST_LABEL else None
    text = file.read().decode("utf-8", "replace").strip() if file else ""
    if _ending(member.name) == ".json":
        try:
            content = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            content = None
        content = content if isinstance(content, dict) else {}
        found = next((content[key] for key in _KEYS if isinstance(content.get(key), str | int)), "")
        text = str(found).strip()
    if not text or "\n" in text or len(text) > 200:
        raise BadData(
            f"'{member.name}' of {path.name} says no class: a .cls or .txt holds its number or name and nothing "
            f"else, a .json has it under {', '.join(_KEYS[:-1])} or {_KEYS[-1]}"
        )
    return text


def _ending(name: str) -> str:
    _, dot, ending = PurePosixPath(name).name.partition(".")
    return f"{dot}{ending}".lower()


def _compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6).startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))


def split_named(name: str) -> str | None:
    """Return the split that a shard says it belongs to by its name.

    >>> split_named("imagenet-train-000123.tar"), split_named("part-0.tar")
    ('train', None)
    """
    words = re.split(r"[^a-z]+", name.casefold())
    known = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}
    known |= {"test": "test", "testing": "test"}
    return next((known[word] for word in words if word in known), None)
