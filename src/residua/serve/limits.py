"""What a service takes, and the words in which it refuses the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from residua.data import Picture, UnreadablePicture, decode_picture
from residua.errors import ResiduaError

LARGE, UNPROCESSABLE, BAD, BUSY, SLOW, UNKNOWN_TYPE = 413, 422, 400, 503, 408, 415
MEGA = 1_000_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of anything a service takes before it refuses.

    Attributes:
        body: bytes of a request.
        pixels: that a picture may declare; it is refused before it is decoded.
        pictures: of a request.
        batch: pictures that go through the network together.
        queue: pictures that may wait; one more is answered with 503.
        wait: seconds that the first picture of a batch waits for others.
        patience: seconds that a client may take to send its request.
    """

    body: int = 16 * MEGA
    pixels: int = 50 * MEGA
    pictures: int = 32
    batch: int = 16
    queue: int = 128
    wait: float = 0.004
    patience: float = 30.0


@final
class Refused(ResiduaError):
    """A request that is not answered, with the status of HTTP and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read(contents: Sequence[tuple[str, bytes]], limits: Limits, *, side: int | None) -> list[Picture]:
    """Return the pictures in some files.

    Args:
        contents: name and bytes of each.
        limits: of the service.
        side: that a large picture is reduced to while it is decoded.

    Raises:
        Refused: there are none or too many, or one of them is no picture that is read.
    """
    if not contents:
        raise Refused(BAD, "the request holds no picture; send one or more files in the field 'images'")
    if len(contents) > limits.pictures:
        raise Refused(
            LARGE,
            f"{len(contents)} pictures in one request; at most {limits.pictures} are taken, send several",
        )
    try:
        return [
            decode_picture(content, name=name, side=side, most=limits.pixels)[1] for name, content in contents
        ]
    except UnreadablePicture as refusal:
        raise Refused(UNPROCESSABLE, f"{printable(refusal.name)}: {refusal.reason}") from refusal
    except MemoryError as error:
        raise Refused(UNPROCESSABLE, "a picture needs more memory than there is") from error


def printable(name: str) -> str:
    r"""Return the name of a file as it may stand in an answer: short, and without control characters.

    >>> printable("cat\n.jpg"), printable("")
    ('cat?.jpg', 'picture')
    """
    kept = "".join(letter if letter.isprintable() else "?" for letter in name)
    return kept[:80] or "picture"
