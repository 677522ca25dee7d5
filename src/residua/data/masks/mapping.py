"""Which value of the masks is which class: read off the masks, and said, before anything is trained."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from residua.data.listing import amount
from residua.data.masks.encoding import MOST_CLASSES, MaskEncoding, said_of
from residua.data.masks.naming import VOID_NAMES, ClassNames
from residua.data.masks.scan import Looked, summed
from residua.data.masks.stored import Kind, unpacked
from residua.errors import BadData

_HIGHEST = (255, 65_535)
"""Values that stand for no class beside a few low ones."""
_LOW = 100
"""Classes by number end below this where the highest value is void."""
_SMOOTHED = 16
"""More grey values than this, where nearly all pixels are near black or white, are the edges of a smoothed mask."""
_MODES = ("1", "P", "L", "I;16", "I", "RGB")
"""Each holds all that those before it hold."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Classes with their values, the values of no class, and how that was decided, in sentences."""

    classes: tuple[str, ...]
    values: tuple[int, ...]
    void: tuple[int, ...] = ()
    notes: tuple[str, ...] = field(default=())


def found_encoding(
    looked: Sequence[Looked],
    *,
    names: ClassNames | None,
    void: Sequence[int] | None,
    pattern: str,
    layers: tuple[str, ...] = (),
) -> tuple[MaskEncoding, tuple[str, ...]]:
    """Return the encoding of masks that were scanned, and what was decided about it, in sentences.

    Args:
        looked: the masks.
        names: of the classes, if somebody gave them.
        void: values of no class, if somebody gave them; else they are detected.
        pattern: of the names of the mask files.
        layers: the classes that have files of their own.

    Raises:
        BadData: the masks are of unlike kinds, have too many values, or do not fit the names.
    """
    kind = _one_kind(looked)
    counts = summed(looked)
    soft = kind != "colours" and _is_soft(counts, lossy=any(one.lossy for one in looked))
    notes: list[str] = []
    if soft:
        white = sum(number for value, number in counts.items() if value > 127)
        counts = Counter({0: counts.total() - white, 255: white})
        notes.append("the masks have grey edges between 0 and 255: below 128 is read as 0, the rest as 255")
    _refuse_many(counts, kind, looked)
    decided = _by_layers(counts, layers, names) if kind == "files" else _decided(counts, kind, names, void)
    if len(decided.classes) < 2:
        raise BadData(
            f"the masks have one class, '{decided.classes[0]}', in every pixel; at least two are needed"
        )
    palettes = Counter(one.palette for one in looked if one.palette)
    encoding = MaskEncoding(
        kind=kind,
        classes=decided.classes,
        values=decided.values,
        void=decided.void,
        mode=max((one.mode for one in looked), key=_MODES.index),
        palette=palettes.most_common(1)[0][0] if palettes else (),
        soft=soft,
        pattern=pattern,
        layers=layers,
    )
    return encoding, (encoding.meaning(), *notes, *decided.notes)


def _decided(
    counts: Counter[int], kind: Kind, names: ClassNames | None, void: Sequence[int] | None
) -> Mapping:
    if names is None:
        return _by_themselves(counts, kind, void)
    if names.values:
        return _by_named_values(counts, kind, names, void)
    return _by_names(counts, kind, names, void)


def _one_kind(looked: Sequence[Looked]) -> Kind:
    by_kind: dict[Kind, str] = {}
    for one in looked:
        # A palette only says how its numbers are shown.
        kind: Kind = "values" if one.kind == "palette" else one.kind
        by_kind.setdefault(kind, one.pair.masks[0])
    if len(by_kind) > 1:
        said = ", ".join(f"{example} has {kind}" for kind, example in by_kind.items())
        raise BadData(f"the masks are of unlike kinds: {said}; save all of them in the same way")
    palettes = sum(one.kind == "palette" for one in looked)
    return "palette" if palettes == len(looked) else next(iter(by_kind))


def _is_soft(counts: Counter[int], *, lossy: bool) -> bool:
    """Return whether the values are those of a black and white mask that was smoothed, or saved as JPEG."""
    if len(counts) <= (2 if lossy else _SMOOTHED) or min(counts) < 0 or max(counts) > 255:
        return False
    ends = sum(number for value, number in counts.items() if value <= 16 or value >= 239)
    return min(counts) <= 16 and max(counts) >= 239 and ends >= 0.9 * counts.total()


def _refuse_many(counts: Counter[int], kind: Kind, looked: Sequence[Looked]) -> None:
    if len(counts) <= MOST_CLASSES:
        return
    lossy = next((one.pair.masks[0] for one in looked if one.lossy), None)
    if lossy:
        why = f"{lossy} was saved in a format that changes values, as JPEG does; save masks as PNG or TIFF"
    elif kind == "colours":
        why = "are they pictures? A mask has one colour for each class, without smooth edges"
    else:
        why = "if they number single objects, give every pixel the number of its class instead"
    what = "colours" if kind == "colours" else "values"
    raise BadData(
        f"the masks have {len(counts):,} different {what}, and at most {MOST_CLASSES} classes are read; {why}"
    )


def _by_themselves(counts: Counter[int], kind: Kind, void: Sequence[int] | None) -> Mapping:
    """Take every value for a class, but for those that stand for none."""
    values = sorted(counts)
    left_out, why = (tuple(void), "as you said") if void is not None else _detected(values, kind)
    kept = tuple(value for value in values if value not in left_out)
    names = tuple(_name(value, kind, kept) for value in kept)
    notes = [f"{said_of(value, kind)} is void, {why}" for value in left_out if value in counts]
    return Mapping(classes=names, values=kept, void=left_out, notes=tuple(notes))


def _detected(values: Sequence[int], kind: Kind) -> tuple[tuple[int, ...], str]:
    """Return which of the values stands for no class beside the others, and why."""
    if kind == "colours":
        return (), ""
    negative = tuple(value for value in values if value < 0)
    rest = [value for value in values if value >= 0]
    if negative:
        return negative, "because it is below 0"
    if len(rest) > 2 and rest[-1] in _HIGHEST and rest[-2] < _LOW:
        return (rest[-1],), f"the highest value beside classes from {rest[0]} to {rest[-2]}"
    return (), ""


def _name(value: int, kind: Kind, kept: Sequence[int]) -> str:
    if kind == "colours":
        return f"#{value:06x}"
    if len(kept) == 2 and kept[0] == 0:
        return "foreground" if value else "background"
    return str(value)


def _by_layers(counts: Counter[int], layers: tuple[str, ...], names: ClassNames | None) -> Mapping:
    """Take every file for the class in its name, and the pixels in none of them for the background."""
    numbers = {label: number for number, label in enumerate(layers, start=1)}
    chosen = layers if names is None else names.names
    named_background = next((label for label in chosen if label.casefold() in ("background", "bg")), None)
    unknown = [label for label in chosen if label not in numbers and label != named_background]
    if unknown:
        raise BadData(f"no file is of class '{unknown[0]}'; there are files of {', '.join(layers)}")
    classes: list[str] = [label for label in chosen if label.casefold() not in VOID_NAMES]
    values = [numbers.get(label, 0) for label in classes]
    void = [number for label, number in numbers.items() if label not in classes]
    if 0 not in values and named_background is None and counts[0]:
        classes, values = ["background", *classes], [0, *values]
    elif 0 not in values:
        void = [0, *void]
    return Mapping(classes=tuple(classes), values=tuple(values), void=tuple(void))


def _by_named_values(
    counts: Counter[int], kind: Kind, names: ClassNames, void: Sequence[int] | None
) -> Mapping:
    """Take the values that the names came with; every other is void."""
    if names.colours != (kind == "colours"):
        has, says = ("colours", "values") if kind == "colours" else ("values", "colours")
        raise BadData(f"{names.where} gives {says}, and the masks have {has}")
    known = dict(zip(names.values, names.names, strict=True))
    dropped = set(void or ()) | {value for value, name in known.items() if name.casefold() in VOID_NAMES}
    kept = {value: name for value, name in known.items() if value not in dropped}
    outside = sorted(set(counts) - set(kept))
    if not set(counts) & set(kept):
        few = ", ".join(said_of(value, kind) for value in sorted(counts)[:8])
        raise BadData(f"not one value of the masks is in {names.where}; the masks have {few}")
    return Mapping(
        classes=tuple(kept.values()),
        values=tuple(kept),
        void=tuple(sorted(set(outside) | dropped)),
        notes=_said_outside(counts, outside, kind, names),
    )


def _by_names(counts: Counter[int], kind: Kind, names: ClassNames, void: Sequence[int] | None) -> Mapping:
    """Give the names to the values: to 0, 1, 2, ... where they are used, else in ascending order."""
    words = names.names
    found = sorted(set(counts) - set(void or ()))
    grey = all(len(set(unpacked(value))) == 1 for value in found)
    if kind == "colours" and not grey:
        lines = "\n".join("  {} {} {} NAME".format(*unpacked(value)) for value in found)
        raise BadData(
            f"{names.where} names the classes, and the masks have colours: say which colour is which in a "
            f"classes.txt beside them, as in\n{lines}"
        )
    if len(words) == 1 and len(found) == 2 and found[0] == 0:
        words = ("background", *words)
    values = _values_for(words, found, counts)
    if values is None:
        few = ", ".join(f"{value}" for value in found[:12]) + (", ..." if len(found) > 12 else "")
        raise BadData(
            f"{amount(len(words), 'class', 'classes')} in {names.where} ({', '.join(words[:12])}) and "
            f"{amount(len(found), 'value')} in the masks ({few}): say in it which value is which, as in `0 {words[0]}`"
        )
    pairs = [
        (word, value) for word, value in zip(words, values, strict=True) if word.casefold() not in VOID_NAMES
    ]
    kept = tuple(value for _, value in pairs)
    outside = sorted(set(counts) - set(kept))
    unseen = [word for word, value in pairs if value not in counts]
    notes = [f"no mask has class '{word}'" for word in unseen]
    return Mapping(
        classes=tuple(word for word, _ in pairs),
        values=kept,
        void=tuple(sorted(set(outside) | set(void or ()))),
        notes=(*_said_outside(counts, outside, kind, names), *notes),
    )


def _values_for(words: Sequence[str], found: Sequence[int], counts: Counter[int]) -> Sequence[int] | None:
    """Return the value of each name, or None where several would do."""
    count = len(words)
    detected, _ = _detected(found, "values")
    rest = [value for value in found if value not in detected]
    numbers = [value for value in rest if 0 <= value < count]
    if rest and max(rest) < count and len(numbers) == len(rest):
        return range(count)
    for values in (found, rest):
        if len(values) == count:
            return values
    # Numbered from 0, with more numbers than names: CamVid's 11 classes have 11 for void.
    most = sum(counts[value] for value in numbers) > 0.5 * sum(counts[value] for value in found)
    return range(count) if len(numbers) > 1 and most else None


def _said_outside(
    counts: Counter[int], outside: Sequence[int], kind: Kind, names: ClassNames
) -> tuple[str, ...]:
    if not outside:
        return ()
    share = sum(counts[value] for value in outside) / max(1, counts.total())
    few = ", ".join(said_of(value, kind) for value in outside[:6]) + (", ..." if len(outside) > 6 else "")
    return (f"void, because {names.where} does not name it: {few} ({share:.1%} of the pixels)",)
