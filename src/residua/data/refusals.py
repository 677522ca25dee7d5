"""Why a file cannot be used as a picture, in words."""

import re
from typing import final

from PIL import Image, UnidentifiedImageError

from residua.errors import BadData


@final
class UnreadablePicture(BadData):
    """One picture that cannot be used; `name` is the file, `reason` says why.

    >>> print(UnreadablePicture("cats/7.jpg", "the file is empty"))
    cats/7.jpg: the file is empty
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)  # both, so that it can cross from a worker process
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


LARGEST = 100_000_000
"""The most pixels that a picture may declare; a header that declares more is refused before it is decoded."""

LARGEST_RASTER = 1_000_000_000
"""The same of pictures with masks, which maps and microscopes give; Pillow's own guard stops at 178 million."""

_SIGNATURES = (
    (4, b"ftypheic", "a HEIC picture, which is not read: save it as JPEG or PNG"),
    (4, b"ftypheix", "a HEIC picture, which is not read: save it as JPEG or PNG"),
    (4, b"ftypmif1", "a HEIF picture, which is not read: save it as JPEG or PNG"),
    (4, b"ftypavif", "an AVIF picture, which is not read: save it as JPEG, PNG or WebP"),
    (0, b"\xff\x0a", "a JPEG XL picture, which is not read: save it as JPEG, PNG or WebP"),
    (4, b"JXL ", "a JPEG XL picture, which is not read: save it as JPEG, PNG or WebP"),
    (0, b"8BPS", "a Photoshop file: save it as JPEG or PNG"),
    (0, b"%PDF", "a PDF document, not a picture"),
    (0, b"PK\x03\x04", "a zip archive, not a picture: unpack it"),
)
_READ = "JPEG, PNG, WebP, BMP, TIFF, GIF, PPM"


def reason_for(error: Exception, start: bytes) -> str:
    """Say in words why `error` stopped a file that begins with `start` from being read."""
    match error:
        case FileNotFoundError():
            return "there is no such file (a broken link has no file behind it)"
        case PermissionError():
            return "the permissions of the file do not let it be read"
        case IsADirectoryError():
            return "a folder, not a file"
        case Image.DecompressionBombError():
            declared = re.search(r"(\d+) pixels", str(error))
            return too_large(int(declared[1]) if declared else None)
        case UnidentifiedImageError():
            return _unknown(start)
        case MemoryError():
            return "there is not enough memory to decode it"
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)  # without number and path
    text = said.strip().rstrip(".") or type(error).__name__
    if not start:
        return text if isinstance(error, OSError) else f"damaged: {text}"
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return f"truncated: the file ends before the picture does ({text})"
    return f"damaged: {text}"


def too_large(pixels: int | None, most: int = LARGEST) -> str:
    """Say that a header declares more pixels than are read."""
    declared = "too many" if pixels is None else f"{pixels:,}"
    return f"its header declares {declared} pixels; at most {most:,} are read"


def too_costly(needed: int, memory: int, setting: str) -> str:
    """Say that a picture takes more memory than is allowed, and how to allow it.

    >>> print(too_costly(576_000_000, 200_000_000, "MEMORY").partition("; ")[2])
    if you trust it, set MEMORY=576 in the environment
    """
    mega = -(-needed // 1_000_000)
    return (
        f"it takes {mega:,} MB to decode, and a file of its size may take {memory // 1_000_000:,} MB; "
        f"if you trust it, set {setting}={mega} in the environment"
    )


def _unknown(start: bytes) -> str:
    """Say what a file is that no decoder knows, from its first bytes."""
    if not start:
        return "the file is empty (0 bytes)"
    for offset, signature, meaning in _SIGNATURES:
        if start[offset:].startswith(signature):
            return meaning
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, not a picture (often the error page of a failed download)"
    if text.startswith((b"<svg", b"<?xml")):
        return "an XML or SVG file: save the drawing as PNG"
    if start.startswith((b"\xff\xd8", b"\x89PNG", b"RIFF", b"BM", b"GIF8", b"II*\x00", b"MM\x00*")):
        return "truncated or damaged: it begins like a picture, but its header cannot be read"
    if not start.strip(b"\x00"):
        return "nothing but zero bytes: a copy or a download that was cut off"
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in start):
        return "text, not a picture"
    return f"not a picture in a format that is read ({_READ})"
