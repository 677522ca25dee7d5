"""Which mask belongs to which picture, told by their names."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from residua.data.source import BadFile

_MASK_WORDS = frozenset(
    {
        *{
            "mask",
            "masks",
            "label",
            "labels",
            "seg",
            "segmentation",
            "annotation",
            "annot",
            "target",
            "truth",
        },
        *{"gt", "groundtruth", "gtfine", "labelids", "labeltrainids", "instanceids", "color", "colour"},
        *{"manual", "l", "p", "ome"},
    }
)
_IMAGE_WORDS = frozenset({"image", "images", "img", "leftimg8bit", "rgb", "sat", "input", "raw", "im", "ome"})
_WRITTEN = (".png", ".tif", ".tiff", ".bmp")
"""Formats that masks are written in; those of any other become PNG."""
_SURE_WORDS = _MASK_WORDS - {"color", "colour", "l", "p", "ome", "target", "truth", "manual"}
"""Those that are in no name of a picture."""
_OTHER_VIEWS = frozenset({"color", "colour", "instanceids"})
"""The same mask for the eye, or of single objects, as Cityscapes has both beside that of the classes."""
_BREAK = re.compile(r"([_\-. ]+)")
_NUMBERED = re.compile(r"([A-Za-z]+)(?=\d)")


class Pair(NamedTuple):
    """A picture and its mask: one file, or a file of each of `labels`."""

    image: str
    masks: tuple[str, ...]
    labels: tuple[str, ...] = ()


class Paired(NamedTuple):
    """The pairs, the files without one partner of their own, and how a mask is called after its picture."""

    pairs: list[Pair]
    unpaired: list[BadFile]
    pattern: str


class _File(NamedTuple):
    """A file below its folder of pictures or of masks."""

    name: str
    below: PurePosixPath

    @property
    def key(self) -> str:
        """Its path without its suffix, of which `.ome.tif` is a double one."""
        return str(self.below.with_suffix("")).removesuffix(".ome")


def paired(images: Sequence[tuple[str, str]], masks: Sequence[tuple[str, str]]) -> Paired:
    """Pair pictures with masks by what their names say below their folders.

    `a.jpg` goes with `a.png`, and with `a_mask.png`, `a-label.tif`, `mask_a.png` or the like; with a file for each
    class `a/cat.png`, `cat/a.png` or `a_cat.png` are its masks.

    Args:
        images: the name of each picture, and its path below the folder of pictures.
        masks: the same of the masks.
    """
    pictures, files = (
        [_File(name, PurePosixPath(below)) for name, below in found] for found in (images, masks)
    )
    for layered in (_in_folders_of_pictures, _in_folders_of_classes, _by_endings):
        if found := layered(pictures, files):
            return found
    return _one_by_one(pictures, files)


def without_words(stem: str, words: Iterable[str]) -> str:
    """Return a stem less the words that only say what kind of file it is.

    >>> [without_words(stem, _MASK_WORDS) for stem in ("cell_1_mask", "mask-7", "mask7")]
    ['cell_1', '7', '7']
    """
    parts = _BREAK.split(stem)
    while len(parts) > 2 and parts[-1].casefold() in words:
        parts = parts[:-2]
    while len(parts) > 2 and parts[0].casefold() in words and len(parts[0]) > 1:
        parts = parts[2:]
    left = "".join(parts)
    word = _NUMBERED.match(left)  # as in mask7
    return left[word.end() :] if word and word[1].casefold() in words and len(word[1]) > 1 else left


def name_without_mask(stem: str) -> str:
    """Return what the picture of a mask may be called.

    >>> name_without_mask("cell_1_mask")
    'cell_1'
    """
    return without_words(stem, _MASK_WORDS)


def is_mask_name(stem: str) -> bool:
    """Return whether a stem says that it is a mask, as `cell_1_mask` does.

    >>> is_mask_name("cell_1_mask"), is_mask_name("mask7"), is_mask_name("cell_1"), is_mask_name("labels")
    (True, True, False, False)
    """
    parts = [part.casefold() for part in _BREAK.split(stem)]
    numbered = re.match(r"(?i)(?:mask|label|seg|gt)\d", stem)
    return numbered is not None or (len(parts) > 2 and bool({parts[0], parts[-1]} & _SURE_WORDS))


def _reduced(file: _File, words: Iterable[str]) -> str:
    return str(file.below.parent / without_words(file.below.stem, words))


def _one_by_one(pictures: list[_File], files: list[_File]) -> Paired:
    whole: dict[str, list[_File]] = defaultdict(list)
    short: dict[str, list[_File]] = defaultdict(list)
    for picture in pictures:
        whole[picture.key].append(picture)
        short[_reduced(picture, _IMAGE_WORDS)].append(picture)
    masks_of: dict[str, list[_File]] = defaultdict(list)
    unpaired: list[BadFile] = []
    for file in files:
        names = (file.key, _reduced(file, _MASK_WORDS))
        keys = [(table, name) for table in (whole, short) for name in names]
        matches = next((table[key] for table, key in keys if key in table), [])
        for picture in matches:
            masks_of[picture.name].append(file)
        if not matches:
            unpaired.append(
                BadFile(file.name, f"a mask without its picture; one called {file.below.stem} is missing")
            )
        elif len(matches) > 1:
            both = " and ".join(picture.name for picture in matches)
            unpaired.append(BadFile(file.name, f"it may be the mask of {both}; one name must be another"))
    doubted = {bad.name for bad in unpaired}
    pairs: list[Pair] = []
    endings: Counter[str] = Counter()
    for picture in pictures:
        own = _best_of(masks_of[picture.name])
        if len(own) == 1 and own[0].name not in doubted:
            pairs.append(Pair(picture.name, (own[0].name,)))
            endings[pattern_of(picture.name, own[0].name)] += 1
        elif not own:
            unpaired.append(BadFile(picture.name, "a picture without its mask"))
        elif len(own) > 1:
            both = " and ".join(file.name for file in own)
            unpaired.append(BadFile(picture.name, f"it has more than one mask: {both}; keep one of them"))
    pattern = endings.most_common(1)[0][0] if endings else "{name}.png"
    return Paired(pairs, unpaired, pattern)


def _best_of(masks: list[_File]) -> list[_File]:
    """Return of several masks of one picture those that show classes rather than colours or single objects."""
    for wanted in (lambda word: word not in _OTHER_VIEWS, lambda word: word == "labeltrainids"):
        if len(masks) > 1:
            better = [mask for mask in masks if wanted(_BREAK.split(mask.below.stem)[-1].casefold())]
            masks = better or masks
    return masks


def pattern_of(image: str, mask: str) -> str:
    """Return how a mask is called, where `{name}` stands for the name of its picture without its suffix.

    >>> pattern_of("a.jpg", "mask_a.tif"), pattern_of("cell.ome.tif", "cell_L.gif"), pattern_of("a.jpg", "7.png")
    ('mask_{name}.tif', '{name}_L.png', '{name}.png')
    """
    stem, suffix = PurePosixPath(mask).stem, PurePosixPath(mask).suffix.lower()
    kept = suffix if suffix in _WRITTEN else ".png"
    own = PurePosixPath(image).stem.removesuffix(".ome")
    for known in (own, without_words(own, _IMAGE_WORDS)):
        if stem.startswith(known):
            return f"{{name}}{_escaped(stem[len(known) :])}{kept}"
        if stem.endswith(known):
            return f"{_escaped(stem[: -len(known)])}{{name}}{kept}"
    return f"{{name}}{kept}"


def _escaped(text: str) -> str:
    return text.removesuffix(".ome").replace("{", "{{").replace("}", "}}")


def _in_folders_of_pictures(pictures: list[_File], files: list[_File]) -> Paired | None:
    """Pair `a.jpg` with all in the folder `a/`, which are its classes."""
    keys = {key: picture for picture in pictures for key in (picture.key, _reduced(picture, _IMAGE_WORDS))}
    folders: dict[str, list[tuple[str, _File]]] = defaultdict(list)
    for file in files:
        folders[str(file.below.parent)].append((file.below.stem, file))
    if not folders.keys() & keys.keys():
        return None
    found = {keys[folder].name: masks for folder, masks in folders.items() if folder in keys}
    lost = [file for folder, masks in folders.items() if folder not in keys for _, file in masks]
    return _layered(pictures, found, lost, "{name}/{label}.png")


def _in_folders_of_classes(pictures: list[_File], files: list[_File]) -> Paired | None:
    """Pair `a.jpg` with `cat/a.png` and `dog/a.png`."""
    if any(len(file.below.parts) != 2 for file in files) or any(len(p.below.parts) != 1 for p in pictures):
        return None
    keys = {key: picture for picture in pictures for key in (_reduced(picture, _IMAGE_WORDS), picture.key)}
    found: dict[str, list[tuple[str, _File]]] = defaultdict(list)
    lost: list[_File] = []
    for file in files:
        stem = file.below.stem
        picture = keys.get(stem) or keys.get(without_words(stem, _MASK_WORDS))
        if picture is None:
            lost.append(file)
        else:
            found[picture.name].append((file.below.parts[0], file))
    return _layered(pictures, found, lost, "{label}/{name}.png") if found else None


def _by_endings(pictures: list[_File], files: list[_File]) -> Paired | None:
    """Pair `a.jpg` with `a_cat.png` and `a_dog.png`, unless the endings only say that they are masks."""
    stems = sorted((picture.key for picture in pictures), key=len, reverse=True)
    by_key = {picture.key: picture for picture in pictures}
    lengths = sorted({len(stem) for stem in stems}, reverse=True)
    found: dict[str, list[tuple[str, _File]]] = defaultdict(list)
    lost: list[_File] = []
    for file in files:
        if _reduced(file, _MASK_WORDS) in by_key or file.key in by_key:
            return None
        starts = (
            file.key[:length]
            for length in lengths
            if len(file.key) > length + 1 and file.key[length] in "_-. "
        )
        start = next((start for start in starts if start in by_key), None)
        if start is None:
            lost.append(file)
        else:
            found[by_key[start].name].append((without_words(file.key[len(start) + 1 :], _MASK_WORDS), file))
    labels = Counter(label for masks in found.values() for label, _ in masks)
    # A label that nothing shares is more likely a name that does not match.
    if not found or (len(pictures) > 1 and max(labels.values()) == 1):
        return None
    return _layered(pictures, found, lost, "{name}_{label}.png")


def _layered(
    pictures: list[_File], found: dict[str, list[tuple[str, _File]]], lost: list[_File], pattern: str
) -> Paired:
    """Return the pairs of masks that have a file for each class."""
    pairs: list[Pair] = []
    unpaired = [BadFile(file.name, "a mask without its picture") for file in lost]
    for picture in pictures:
        masks = sorted(found.get(picture.name, []), key=lambda pair: pair[0])
        counted = Counter(label for label, _ in masks)
        if not masks:
            unpaired.append(BadFile(picture.name, "a picture without its mask"))
        elif max(counted.values()) > 1:
            label = counted.most_common(1)[0][0]
            unpaired.append(
                BadFile(picture.name, f"it has more than one mask of class '{label}'; keep one of them")
            )
        else:
            names, labels = tuple(file.name for _, file in masks), tuple(label for label, _ in masks)
            pairs.append(Pair(picture.name, names, labels))
    return Paired(pairs, unpaired, pattern)
