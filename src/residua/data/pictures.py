"""One file to pixels: read right, or refused with a reason."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock
from typing import final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFile

from residua.data.budget import allowed, refuse_costly, size_of
from residua.data.colours import as_array, eight_bit
from residua.data.jpeg import BYTES, jpeg_pixels, plain_pixels
from residua.data.reducing import TURNS, reduced, reduced_size, turned
from residua.data.refusals import LARGEST, UnreadablePicture, reason_for, too_large
from residua.data.tangled import what_is_tangled
from residua.data.whole import what_is_broken
from residua.errors import BadInput, MissingExtra

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_ORIENTATION = 0x0112

Picture = UInt8[
    np.ndarray, "_ _ _"
]  # height, width, channels: free, so that sizes may differ within one call


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a picture file says of itself before it is decoded.

    Attributes:
        height: as it is shown.
        width: as it is shown.
        format: as Pillow calls it.
        mode: as Pillow calls it.
        bits: of one channel.
        rotated: whether its EXIF block turns it.
        alpha: whether it may be transparent.
        several: whether it has more than one frame or page.
    """

    height: int
    width: int
    format: str
    mode: str
    bits: int
    rotated: bool
    alpha: bool
    several: bool

    @classmethod
    def plain(cls, height: int, width: int, channels: int, *, format: str) -> "Header":
        """Return what a picture of 8 bits says that has nothing unusual."""
        mode = "L" if channels == 1 else "RGB"
        return cls(
            height=height,
            width=width,
            format=format,
            mode=mode,
            bits=8,
            rotated=False,
            alpha=False,
            several=False,
        )

    @property
    def channels(self) -> int:
        """1 for a grey picture, 3 for one in colour."""
        return 1 if self.mode in _GREY_MODES else 3


def read_header(path: Path, *, name: str | None = None) -> Header:
    """Return what the file at `path` says of itself, without decoding it.

    Raises:
        UnreadablePicture: it cannot be opened, or is no picture.
    """
    with named(name or str(path)), path.open("rb") as file, named(name or str(path), file), quiet():
        return header_of(opened(untangled(file)))


def read_picture(path: Path, *, side: int | None = None, name: str | None = None) -> Picture:
    """Return the pixels of the picture at `path`, as it is shown: uint8, height × width × 1 (grey) or 3 (RGB).

    The EXIF orientation is applied, a transparent picture lies on white, 16 bits become 8, CMYK becomes
    RGB, and of an animation or a set of pages the first is taken.

    Args:
        path: the file.
        side: a picture whose shorter side is longer than this many pixels is reduced to it while it is
            decoded, which is several times faster for a large JPEG; None reads every pixel.
        name: what an error calls the file, `path` by default.

    Raises:
        UnreadablePicture: the file is missing, truncated, damaged, too large, takes more memory than `allowed` says,
            or is no picture.
    """
    return read_whole(path, side=side, name=name)[1]


def read_whole(path: Path, *, side: int | None = None, name: str | None = None) -> tuple[Header, Picture]:
    """Return the header and the pixels of the picture at `path`, from one reading of the file."""
    name = name or str(path)
    with named(name):
        content = path.read_bytes()
    return decode_picture(content, side=side, name=name)


def decode_picture(
    content: bytes, *, name: str, side: int | None = None, most: int = LARGEST
) -> tuple[Header, Picture]:
    """Return the header and the pixels of the picture in the bytes of a file.

    Args:
        content: of the file.
        name: what an error calls it.
        side: as for `read_picture`.
        most: pixels that it may declare; at most 100 million are ever read.

    Raises:
        UnreadablePicture: it is truncated, damaged, too large, or no picture.
    """
    memory = allowed(len(content))
    if plain := plain_pixels(content, side, min(memory, BYTES * min(most, LARGEST))):
        (height, width), found = plain
        return Header.plain(height, width, found.shape[2], format="JPEG"), reduced(found, side)
    file = io.BytesIO(content)
    with named(name, file), quiet():
        refuse_broken(content)
        image = opened(file)
        if (pixels := image.width * image.height) > most:
            raise UnreadablePicture(name, too_large(pixels, most))
        header = header_of(image)
        return header, decoded(image, side, memory, content)


def refuse_broken(content: bytes) -> None:
    """Refuse the bytes of a file whose decoder would not notice that it is cut, or would not come to an end.

    Raises:
        UnreadablePicture: they are not worth decoding.
    """
    if damage := what_is_tangled(content) or what_is_broken(content):
        raise UnreadablePicture("", damage)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back Pillow's warnings; what matters in them is in the reason of a refusal.

    `warnings.catch_warnings` alone would leave the filters wrong when two threads overlap, so only the
    first to enter and the last to leave touch them.
    """
    global _quiet_users
    with _quiet_lock:
        if _quiet_users == 0:
            _quiet_filters.append(warnings.catch_warnings())
            _quiet_filters[0].__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _quiet_users += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_users -= 1
            if _quiet_users == 0:
                _quiet_filters.pop().__exit__(None, None, None)


_quiet_lock = Lock()
_quiet_users = 0
_quiet_filters: list["warnings.catch_warnings[None]"] = []


@contextmanager
def named(name: str, file: io.BufferedIOBase | None = None) -> Iterator[None]:
    """Turn whatever goes wrong inside into one UnreadablePicture that names the file and says why."""
    try:
        yield
    except UnreadablePicture as refusal:
        raise UnreadablePicture(name, refusal.reason) from refusal.__cause__
    except (MissingExtra, BadInput):  # not of the picture, but of what is installed or set
        raise
    except Exception as error:  # Pillow's decoders raise a dozen types on damaged files
        start = b""
        if file is not None:
            file.seek(0)
            start = file.read(512)
        raise UnreadablePicture(name, reason_for(error, start)) from error


def untangled(file: io.BufferedReader) -> io.BufferedReader:
    """Return an open file, or refuse it if its header alone would take minutes.

    Raises:
        UnreadablePicture: it has too many parts.
    """
    if size_of(file):  # an empty file cannot be mapped
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            if damage := what_is_tangled(content):
                raise UnreadablePicture("", damage)
    return file


def opened(file: io.BufferedIOBase, most: int = LARGEST) -> Image.Image:
    """Open a picture of a known format and refuse one of more than `most` pixels before any of it is decoded."""
    image = Image.open(file, formats=FORMATS)  # type: ignore[arg-type]  # any binary file will do
    pixels = image.width * image.height
    if pixels > most:
        raise UnreadablePicture("", too_large(pixels, most))
    return image


def header_of(image: Image.Image) -> Header:
    """Return what an opened picture says of itself."""
    orientation = orientation_of(image)
    width, height = image.size
    if orientation >= 5 and image.format != "TIFF":  # the TIFF plugin says the size as it is shown
        width, height = height, width
    return Header(
        height=height,
        width=width,
        format=image.format or "",
        mode=image.mode,
        bits=_bits(image),
        rotated=orientation != 1,
        alpha="A" in image.mode or "transparency" in image.info,
        # Not how many: looking for the end of 100,000 pages takes minutes. Formats that hold one only do not say.
        several=bool(getattr(image, "is_animated", False)),
    )


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; a damaged EXIF block does not make the picture unreadable."""
    try:
        if "exif" in image.info:
            exif = Image.Exif()
            exif.load(image.info["exif"])
        else:
            # Not the PNG plugin's own method, which decodes the picture to look for a block behind the pixels.
            exif = Image.Image.getexif(image)
        orientation = exif.get(_ORIENTATION, 1)
    except Exception:  # each damage raises its own type
        return 1
    return orientation if orientation in TURNS else 1


def _bits(image: Image.Image) -> int:
    """Return the bits of one channel as stored: Pillow's mode says 8 for a 16-bit RGB file."""
    if isinstance(image, ImageFile.ImageFile) and image.format == "PNG" and image.tile:
        stored = image.tile[0].args
        return 16 if isinstance(stored, str) and "16" in stored else 8
    if image.format == "TIFF":
        return int(max(image.tag_v2.get(258, (8,))))  # type: ignore[attr-defined]  # the TIFF plugin's own tag table
    return {"1": 1, "I": 32, "F": 32}.get(image.mode, 16 if ";16" in image.mode else 8)


def decoded(image: Image.Image, side: int | None, memory: int, content: bytes | None = None) -> Picture:
    """Return the pixels of an opened picture as it is shown, in 8 bits; a shorter side above `side` is reduced.

    Args:
        image: opened, nothing of it decoded.
        side: None reads every pixel.
        memory: bytes that it may take.
        content: of its file, where those are in memory; an ordinary JPEG is then decoded sooner.

    Raises:
        UnreadablePicture: that takes more than `memory` bytes, or it is damaged.
    """
    size, declared = image.size, image.width * image.height
    if side is not None and image.format in ("JPEG", "MPO"):
        # The JPEG decoder can skip the finest frequencies: the largest of 1/2, 1/4, 1/8 that stays above `side`.
        scale = side / min(image.size)
        if scale < 1:
            image.draft(None, (int(image.width * scale), int(image.height * scale)))
    refuse_costly(image, memory, side=side, declared=declared, turned=orientation_of(image) != 1)
    if content is not None and (plain := jpeg_pixels(content, image, smaller=image.size != size)) is not None:
        return turned(reduced(plain, side), orientation_of(image))
    image.load()
    # After loading: the TIFF plugin turns the picture itself, and says so.
    orientation = orientation_of(image)
    image = eight_bit(image)
    if side is not None and min(image.size) > side:
        image = image.resize(reduced_size(image.size, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if orientation != 1:
        image = image.transpose(TURNS[orientation])
    pixels = as_array(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
