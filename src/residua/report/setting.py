"""What was run: the command, the settings and who chose them, the data, the machine."""

from typing import Any

import msgspec

from residua.report.folder import Data, RunFolder
from residua.report.headline import split_name
from residua.report.numbers import compact, count
from residua.report.page import Section, fill

# Said elsewhere on the page, or at the head of the section.
_NOT_MACHINE = ("command", "started")


def command(run: RunFolder) -> Section:
    """Return the command line and the settings, each with the one who chose it."""
    chosen = run.config.chosen
    rows = [(name, _value(value), chosen.get(name)) for name, value in run.config.config.items()]
    values = {"command": run.environment.get("command"), "rows": rows}
    lead = f"{len(chosen)} of {len(rows)} settings were chosen by Residua; the reason stands beside each."
    return Section("settings", "What was run", fill("settings.html", values), lead if chosen else "")


def data(run: RunFolder) -> Section | None:
    """Return the splits, how the classes are balanced in them, and what was noted while reading."""
    found = run.data
    if not found.splits:
        return None
    splits = [(split_name(name), split) for name, split in found.splits.items()]
    rows = [
        (name, [_count_of(split.counts, index) for _, split in splits])
        for index, name in enumerate(found.classes)
    ]
    most = [max(split.counts, default=0) for _, split in splits]
    values = {"splits": splits, "rows": rows, "most": most, "notes": found.notes}
    return Section("data", "Data", fill("data.html", values), _balance(found))


def machine(run: RunFolder) -> Section | None:
    """Return versions and machine."""
    rows = [
        (name.replace("_", " "), f"{compact(value)}B" if name == "memory" else _value(value))
        for name, value in run.environment.items()
        if name not in _NOT_MACHINE
    ]
    return Section("machine", "Versions and machine", fill("machine.html", {"rows": rows})) if rows else None


def _balance(found: Data) -> str:
    train = found.splits.get("train")
    if train is None or len(train.counts) != len(found.classes) or not train.counts:
        return ""
    pairs = sorted(zip(train.counts, found.classes, strict=True), key=lambda pair: pair[0])
    (fewest, rarest), (most, commonest) = pairs[0], pairs[-1]
    if fewest == most:
        return f"Every class has {count(most)} training pictures."
    ratio = f", {most / fewest:.1f} times as many" if fewest else ""
    return f"Fewest training pictures: {rarest} ({count(fewest)}); most: {commonest} ({count(most)}{ratio})."


def _count_of(counts: list[int], index: int) -> int | None:
    return counts[index] if index < len(counts) else None


def _value(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case int() | float() | str():
            return str(value)
        case _:
            return msgspec.json.encode(value).decode()
