"""An exported file, run in its own runtime on pictures that were held out, beside the network it was made from."""

import time
from collections.abc import Callable
from typing import Final

import msgspec
import torch
from torch import Tensor

from residua.errors import BadExport
from residua.export.bundle import Precision
from residua.export.pictures import HeldOut
from residua.types import VOID

LIMITS: Final[dict[Precision, float]] = {"fp32": 1e-3, "bf16": 0.3, "int8": 0.9}
"""The largest difference of a probability that is only rounding; of int8 the accuracy is the judge."""
INSIDE: Final = 0.1
"""The same where the program resizes the picture itself, without rounding to bytes in between."""
SECONDS: Final = 0.5
ROUNDS: Final = 3

Answer = Callable[[Tensor], Tensor]


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What an exported file does on held-out pictures, beside the network it was made from.

    Attributes:
        pictures: that were compared.
        difference: largest of any probability.
        agreement: share of the pictures (of the pixels, where every one has an answer) with the same likeliest class.
        accuracy_before: of the network.
        accuracy: of the file.
        batch: pictures a call when timed.
        milliseconds_before: a picture in PyTorch, in float32.
        milliseconds: a picture in the file's own runtime.
        runtime: that ran it.
    """

    pictures: int
    difference: float
    agreement: float
    accuracy_before: float
    accuracy: float
    batch: int
    milliseconds_before: float
    milliseconds: float
    runtime: str

    @property
    def lost(self) -> float:
        """Points of accuracy lost; below 0 if some were gained."""
        return 100 * (self.accuracy_before - self.accuracy)

    @property
    def speed(self) -> float:
        """How many times as fast as PyTorch in float32."""
        return self.milliseconds_before / self.milliseconds


def verify(program: Answer, network: Answer, held_out: HeldOut, *, runtime: str) -> Verification:
    """Run both on the same pictures and time both; nothing is judged yet."""
    with torch.inference_mode():
        before = torch.cat([network(images).float() for images in held_out.normalised])
        after = torch.cat([program(images).float() for images in held_out.given])
        difference = (before.softmax(1) - after.softmax(1)).abs().max().item()
        guesses, wanted = after.argmax(1), before.argmax(1)
        earlier, now = timed_together(network, program, held_out.normalised[0], held_out.given[0])
    known = held_out.labels != VOID
    count = int(known.sum())
    return Verification(
        pictures=len(before),
        difference=difference,
        agreement=(guesses == wanted).float().mean().item(),
        accuracy_before=(wanted == held_out.labels)[known].sum().item() / max(1, count),
        accuracy=(guesses == held_out.labels)[known].sum().item() / max(1, count),
        batch=len(held_out.given[0]),
        milliseconds_before=earlier,
        milliseconds=now,
        runtime=runtime,
    )


def judge(found: Verification, *, precision: Precision, inside: bool, points: float) -> None:
    """Refuse a file that does not do what the network does.

    Args:
        found: what it does.
        precision: of the file.
        inside: whether it prepares its pictures itself.
        points: of accuracy that it may lose.

    Raises:
        BadExport: a probability differs by more than rounding makes it, or too much accuracy is lost.
    """
    limit = max(LIMITS[precision], INSIDE if inside else 0.0)
    if not found.difference <= limit:
        raise BadExport(
            f"{found.runtime} differs from PyTorch by {found.difference:.2g} in a probability, on "
            f"{found.pictures:,} held-out pictures; with {precision} at most {limit:g} is rounding. Nothing was "
            "written: please report it with the network's model.json"
        )
    if found.lost > points:
        raise BadExport(
            f"with {precision} {100 * found.accuracy:.2f} % of {found.pictures:,} held-out pictures are right, "
            f"where the network has {100 * found.accuracy_before:.2f} %; that is more than {points:g} points lost, and "
            "nothing was written. Take another --precision, or allow more with --tolerance"
        )


def timed_together(before: Answer, after: Answer, plain: Tensor, given: Tensor) -> tuple[float, float]:
    """Return milliseconds a picture of both, by turns, so that what else the machine does slows both."""
    calls = ((before, plain), (after, given))
    fastest = [float("inf"), float("inf")]
    for program, images in calls:
        program(images)
    for _ in range(ROUNDS):
        for place, (program, images) in enumerate(calls):
            fastest[place] = min(fastest[place], milliseconds(program, images, SECONDS / ROUNDS))
    return fastest[0], fastest[1]


def milliseconds(program: Answer, images: Tensor, seconds: float) -> float:
    """Return the time of one picture in the fastest of the calls that fit in some seconds, two at least."""
    fastest, end, done = float("inf"), time.perf_counter() + seconds, 0
    while done < 2 or time.perf_counter() < end:
        began = time.perf_counter()
        program(images)
        fastest = min(fastest, time.perf_counter() - began)
        done += 1
    return 1000 * fastest / len(images)
