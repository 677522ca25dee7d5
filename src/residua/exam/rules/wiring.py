"""What goes wrong in how values flow, without an error."""

from collections.abc import Iterator

from residua.exam.cause import Cause
from residua.exam.observation import Observation


def rewrites(seen: Observation) -> Iterator[Cause]:
    """Find a layer that works in place on what a shortcut still needs."""
    if seen.wiring.rewritten:
        others = len(seen.wiring.rewritten) - 1
        more = f", and {others} more like it" if others else ""
        yield Cause(
            name="in-place layer rewrites a shortcut",
            evidence=f"the outputs change when it does not work in place{more}",
            layer=seen.wiring.rewritten[0] or None,
            harm=0.15,
        )


def broadcasts(seen: Observation) -> Iterator[Cause]:
    """Find a sum whose legs have not the same channels."""
    if seen.wiring.broadcast:
        yield Cause(
            name="sum of unlike shapes",
            evidence=f"PyTorch repeats one leg to fit the other: {seen.wiring.broadcast[0]}",
            layer=seen.wiring.broadcast[0].rpartition(" in ")[2],
            harm=0.3,
        )


RULES = (rewrites, broadcasts)
