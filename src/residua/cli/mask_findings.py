"""What `residua check` found of pictures and masks, printed for a person."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from residua.cli.findings import Speaker, listed
from residua.data.listing import amount
from residua.data.masks import MaskCheckReport
from residua.data.masks.encoding import said_of


def show_masks(console: Console, found: MaskCheckReport) -> None:
    """Print what was found: what the masks mean, what to know of the set, what is wrong."""
    if found.encoding is not None:
        console.print(classes(found))
    speaker = Speaker(console)
    for title, sentence in looks(found):
        speaker.say(title, sentence)
    for note in found.notes:
        speaker.say("note", note)
    harmless = [one for one in found.same if one not in found.wrong_doubles]
    if harmless:
        files = amount(sum(len(one.names) for one in harmless), "file")
        speaker.say("doubles", f"{files} for {amount(len(harmless), 'picture')}")
        speaker.few("", [listed(one.names) for one in harmless], most=5)
    for title, sentences in wrong(found):
        speaker.few(title, sentences, "red")
    verdict = ("nothing is wrong", "bold green") if found.ok else ("this needs a look", "bold red")
    console.print(Text(*verdict))


def classes(found: MaskCheckReport) -> Table:
    """Return what stands for each class in the masks, and its share of the pixels and its pictures in each split."""
    assert found.encoding is not None
    encoding = found.encoding
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", style="bold", overflow="fold")
    table.add_column("in the masks", no_wrap=True)
    for split in found.pictures:
        table.add_column(split, justify="right", no_wrap=True)
    table.add_column("pictures", justify="right", no_wrap=True)
    totals = {name: sum(pixels.values()) + found.void[name] for name, pixels in found.pixels.items()}
    for index, name in enumerate(encoding.classes):
        stored = said_of(encoding.values[index], encoding.kind)
        if encoding.kind == "files":
            stored = (
                f"files {encoding.layers[encoding.values[index] - 1]}"
                if encoding.values[index]
                else "no file"
            )
        shares = (percent(found.pixels[split][name], totals[split]) for split in found.pictures)
        pictures = sum(having[name] for having in found.having.values())
        table.add_row(Text(name), stored, *shares, f"{pictures:,}")
    if any(found.void.values()):
        values = ", ".join(said_of(value, encoding.kind) for value in encoding.void[:3])
        shares = (percent(found.void[split], totals[split]) for split in found.pictures)
        table.add_row("void", values + (", ..." if len(encoding.void) > 3 else ""), *shares, "", style="dim")
    sums = (f"{pictures:,}" for pictures in found.pictures.values())
    table.add_row("pictures", "", *sums, f"{sum(found.pictures.values()):,}", style="dim")
    return table


def percent(part: int, whole: int) -> str:
    """Return a share; what is there is never 0 %.

    >>> percent(1, 100_000), percent(0, 5), percent(1, 3)
    ('<0.01 %', '0 %', '33.33 %')
    """
    share = 100 * part / max(1, whole)
    return "0 %" if not part else "<0.01 %" if share < 0.01 else f"{share:.2f} %"


def looks(found: MaskCheckReport) -> Iterable[tuple[str, str]]:
    """Give sizes and kinds of the pictures."""
    if not found.kinds:
        return
    smallest, typical, largest = (
        f"{high} × {wide}" for high, wide in (found.smallest, found.typical, found.largest)
    )
    one = smallest == typical == largest
    yield "sizes", f"all {smallest}" if one else f"{smallest} smallest, {typical} typical, {largest} largest"
    yield "kinds", ", ".join(f"{count:,} with {kind}" for kind, count in found.kinds.items())
    if found.one_class:
        yield "empty", f"{amount(found.one_class, 'mask')} with one class only"


def wrong(found: MaskCheckReport) -> Iterable[tuple[str, list[str]]]:
    """Give what stops a training or makes its scores a lie."""
    yield "problem", list(found.problems)
    yield "bad", [f"{bad.name}: {bad.reason}" for bad in found.bad]
    yield (
        "void",
        [
            f"{name}: every pixel of its mask is void, so nothing is learned from it"
            for name in found.all_void
        ],
    )
    leaks = [one for one in found.same if one.leaks]
    if found.divided:
        sentence = (
            "are the same picture in different files; training divides them between its splits, so keep one"
        )
        yield "twice", [f"{listed(one.names)} {sentence}" for one in leaks]
    else:
        yield "leak", [f"{listed(one.names)} are the same picture in {listed(one.splits)}" for one in leaks]
    unlike = [one for one in found.same if not one.masks_agree]
    yield "mask", [f"{listed(one.names)} are the same picture with unlike masks" for one in unlike]
