"""What `residua check` found, printed for a person."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from residua.data import CheckReport
from residua.data.listing import amount

SHOWN = 20
"""How many findings of one kind are printed; --json has all."""
DOUBLES = 5
"""How many pictures that are there more than once are named."""
NAMES = 4
"""How many names of one picture are printed."""
_INDENT = 9


@final
class Speaker:
    """Prints sentences beside their titles, wrapped between words: a name without spaces stays whole."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, title: str, sentence: str, style: str = "") -> None:
        """Print one sentence beside its title."""
        lines = textwrap.wrap(
            sentence,
            max(20, self.console.width - _INDENT),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, line in enumerate(lines):
            head = "" if number else title
            self.console.print(Text(f"{head:{_INDENT}}{line}", style), soft_wrap=True)

    def few(self, title: str, sentences: Sequence[str], style: str = "", most: int = SHOWN) -> None:
        """Say the first sentences, and how many more there are."""
        for sentence in sentences[:most]:
            self.say(title, sentence, style)
        if len(sentences) > most:
            self.say("", f"and {len(sentences) - most:,} more like these; --json has all", style)


def show(console: Console, found: CheckReport) -> None:
    """Print what was found: what is there, what to know of it, what is wrong."""
    if found.counts:
        console.print(counts(found))
    speaker = Speaker(console)
    for title, sentence in looks(found):
        speaker.say(title, sentence)
    for note in found.notes:
        speaker.say("note", note)
    if found.weighted:
        speaker.say("balance", balance(found))
    show_doubles(speaker, found)
    show_wrong(speaker, found)
    verdict = ("nothing is wrong", "bold green") if found.ok else ("this needs a look", "bold red")
    console.print(Text(*verdict))


def counts(found: CheckReport) -> Table:
    """Return how many pictures each class has in each split, and which share of the first split that is."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", style="bold", overflow="fold")
    for split in found.counts:
        table.add_column(split, justify="right", no_wrap=True)
    name_of_first, first = next(iter(found.counts.items()))
    table.add_column(f"% of {name_of_first}", justify="right", no_wrap=True)
    total = sum(first.values())
    for name in dict.fromkeys(name for split in found.counts.values() for name in split):
        numbers = (f"{split.get(name, 0):,}" for split in found.counts.values())
        table.add_row(Text(name), *numbers, f"{100 * first.get(name, 0) / max(1, total):.1f}")
    sums = (f"{sum(split.values()):,}" for split in found.counts.values())
    table.add_row("all", *sums, "", style="dim")
    return table


def looks(found: CheckReport) -> Iterable[tuple[str, str]]:
    """Give the sizes and the formats of what could be read."""
    if not found.formats:
        return
    smallest, typical, largest = (
        f"{height} × {width}" for height, width in (found.smallest, found.typical, found.largest)
    )
    all_same = smallest == typical == largest
    yield (
        "sizes",
        f"all {smallest}" if all_same else f"{smallest} smallest, {typical} typical, {largest} largest",
    )
    for title, kinds in (("formats", found.formats), ("odd", found.odd)):
        if kinds:
            yield title, ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())


def balance(found: CheckReport) -> str:
    """Say how uneven the largest and the smallest class are, and what training does about it."""
    ranked = sorted(found.learned, key=lambda name: found.learned[name])
    fewest, most = ranked[0], ranked[-1]
    low, high = found.learned[fewest], found.learned[most]
    return (
        f"{high:,} training pictures of '{most}' against {low:,} of '{fewest}': training weights the classes so "
        "that all count the same (--no-class-weights leaves them as they are)"
    )


def show_doubles(speaker: Speaker, found: CheckReport) -> None:
    """Name some of the pictures that are there more than once and harm no score."""
    doubles = found.doubles
    if not doubles:
        return
    files = amount(sum(len(one.names) for one in doubles), "file")
    divided = all(one.splits[0] == found.undivided for one in doubles)
    meaning = (
        "in training, equal files stay together in one split" if divided else "each file counts as a picture"
    )
    speaker.say("doubles", f"{files} for {amount(len(doubles), 'picture')}; {meaning}")
    speaker.few("", [listed(one.names) for one in doubles], most=DOUBLES)


def show_wrong(speaker: Speaker, found: CheckReport) -> None:
    """Print what stops a training or makes its scores a lie."""
    kinds: dict[str, Iterable[str]] = {
        "problem": found.problems,
        "unread": (f"{bad.name}: {bad.reason}" for bad in found.bad),
        "leak": (f"{listed(one.names)} are the same picture in {listed(one.splits)}" for one in found.leaks),
        "label": (
            f"{listed(one.names)} are the same picture as {listed(one.classes)}"
            for one in found.alike
            if one.disagrees
        ),
        "twice": (
            f"{listed(one.names)} are the same picture in different files; training may divide them between its "
            "splits, so keep one"
            for one in found.may_leak
            if not one.disagrees
        ),
    }
    for title, sentences in kinds.items():
        speaker.few(title, list(sentences), "red")


def listed(names: Sequence[str]) -> str:
    """Return names as a person lists them, each once."""
    unique = list(dict.fromkeys(names))
    if len(unique) > NAMES:
        unique = [*unique[: NAMES - 1], f"{len(unique) - NAMES + 1:,} more"]
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} and {unique[-1]}"
