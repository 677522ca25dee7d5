"""Reading the tables: from a name there to the name here, and back."""

import re
from functools import cache
from typing import Final

from residua.nets.adapters.tables import Rows

FIELD: Final = re.compile(r"\{(\w+)(\+1)?\}")


def ours(name: str, rows: Rows) -> str | None:
    """Return what we call a tensor of another project, or None if its table has no such layer.

    >>> ours("layer3.0.conv2.weight", (("layer{stage}.{block}.conv{n}", "stage{stage}.{block}.conv{n}"),))
    'stage3.0.conv2.weight'
    """
    return next((found for theirs, here in rows if (found := translated(name, theirs, here))), None)


def theirs(name: str, rows: Rows) -> str | None:
    """Return what another project calls a tensor of ours, or None if its table has no such layer.

    >>> theirs("stage1.0.conv2.bias", (("block{stage}.layer{layer+1}.{n}", "stage{stage}.{layer}.conv{n}"),))
    'block1.layer1.2.bias'
    """
    return next((found for there, here in rows if (found := translated(name, here, there))), None)


def translated(name: str, source: str, target: str) -> str | None:
    """Return a tensor's name with its layer written as `target`, or None if the layer is not a `source`."""
    layer, _, leaf = name.rpartition(".")
    found = pattern(source).fullmatch(layer)
    if not found:
        return None
    offset = {field[1]: bool(field[2]) for field in FIELD.finditer(source)}
    numbers = {field: int(number) - offset[field] for field, number in found.groupdict().items()}
    written = FIELD.sub(lambda field: str(numbers[field[1]] + bool(field[2])), target)
    return f"{written}.{leaf}"


@cache
def pattern(template: str) -> re.Pattern[str]:
    """Return what matches a name written like this template, a number in each field."""
    # A template has nothing but words, dots and fields, so only its dots mean more to a pattern.
    return re.compile(FIELD.sub(r"(?P<\1>[0-9]+)", template.replace(".", r"\.")))
