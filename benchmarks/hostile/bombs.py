"""Pictures that are small as files and made to take a machine's memory or its minutes."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Final

import numpy as np
import tifffile
from PIL import Image

from benchmarks.hostile.seeds import coloured

MEGA: Final = 1_000_000


def bombs() -> dict[str, Callable[[], bytes]]:
    """Return what makes each of them, by name."""
    return {
        "flat-60-megapixels.png": lambda: png(10_000, 6_000),
        "declares-3600-megapixels.png": lambda: png(60_000, 60_000, rows=1),
        "texts-unpack-to-500-megabytes.png": lambda: png(8, 8, extra=texts()),
        "a-million-chunks.png": lambda: png(8, 8, extra=chunk(b"tEXt", b"a\0b") * 300_000),
        "tags-over-the-same-bytes.png": lambda: png(8, 8, extra=chunk(b"eXIf", tags())),
        "tags-over-the-same-bytes.webp": lambda: saved("WEBP", exif=b"Exif\0\0" + tags()),
        "flat-40-megapixels.webp": lambda: saved("WEBP", Image.new("RGB", (8_000, 5_000)), lossless=True),
        "tags-over-the-same-bytes.jpg": lambda: jpeg(segment(0xE1, b"Exif\0\0" + tags(2_700, 32_000))),
        "index-over-the-same-bytes.mpo.jpg": lambda: jpeg(segment(0xE2, b"MPF\0" + tags(2_700, 32_000, 3))),
        "a-million-segments.jpg": lambda: jpeg(segment(0xE1, b"Exif\0\0a") * 300_000),
        "megabytes-of-nothing.jpg": lambda: b"\xff\xd8\xff\xe0\0\x02" + bytes(20 * MEGA),
        "thousands-of-scans.jpg": scans,
        "declares-4000-megapixels.gif": lambda: gif(65_535, 65_535),
        "comments.gif": lambda: gif(8, 8, b"!\xfe" + (b"\xff" + b"a" * 255) * 40_000 + b"\0"),
        "100000-frames.gif": lambda: gif(8, 8, FRAME * 100_000),
        "declares-900-megapixels.bmp": lambda: bmp(30_000, 30_000),
        "declares-1000-megapixels.tif": lambda: tiff({256: 40_000, 257: 25_000, 278: 25_000}),
        "a-tile-of-3-gigabytes.tif": lambda: tiff(
            {256: 16, 257: 16, 322: 32_768, 323: 32_768}, compression=8
        ),
        "tags-over-the-same-bytes.tif": lambda: tags(20_000, 400_000, first=40_000),
        "pages-in-a-circle.tif": circle,
        "100000-pages.tif": pages,
        "a-strip-unpacks-to-1-gigabyte.tif": strip,
        "2-billion-channels.tif": lambda: tiff({256: 1_000, 257: 1_000, 277: 65_535, 258: 16, 278: 1_000}),
    }


def saved(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    """Return a picture as Pillow writes it."""
    file = io.BytesIO()
    (image or coloured()).save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *, extra: bytes = b"", rows: int | None = None) -> bytes:
    """Return a black PNG in colour, with all its rows or fewer, and with more chunks before them."""
    packed = zlib.compressobj(1)
    row = bytes(1 + 3 * width)
    pixels = b"".join(packed.compress(row) for _ in range(rows or height)) + packed.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), extra, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    )


def texts() -> bytes:
    """Return compressed texts of a PNG, each of which unpacks to 50 megabytes."""
    packed = zlib.compress(bytes(50 * MEGA), 1)
    return chunk(b"iCCP", b"a\0\0" + packed) + chunk(b"zTXt", b"a\0\0" + packed) * 10


def tags(count: int = 20_000, length: int = 250_000, kind: int = 1, first: int = 1) -> bytes:
    """Return a directory of tags, all of which have the same bytes as their value."""
    unit = {1: 1, 3: 2}[kind]
    start = 10 + 12 * count + 4
    entries = b"".join(struct.pack("<HHII", first + tag, kind, length // unit, start) for tag in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4) + b"\x01" * length


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG; its length is cut to what two bytes say."""
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(content[:65_533])) + content[:65_533]


def jpeg(extra: bytes) -> bytes:
    """Return a JPEG with more segments at its beginning."""
    whole = saved("JPEG")
    return (
        whole[:2] + extra + whole[20:]
    )  # without the segment of JFIF, so that EXIF is asked for the resolution


def scans() -> bytes:
    """Return a progressive JPEG of 16 megapixels whose last scan, which says nothing new, comes 20,000 times."""
    whole = saved("JPEG", Image.new("L", (4_000, 4_000)), progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * 20_000 + whole[-2:]


FRAME: Final = b",\0\0\0\0\x08\0\x08\0\0\x02\x02\x84Q\0"


def gif(width: int, height: int, extra: bytes = b"") -> bytes:
    """Return a GIF with more blocks before its picture."""
    start = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return start + extra + FRAME + b";"


def bmp(width: int, height: int) -> bytes:
    """Return a BMP in colour of which no row is there."""
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)
    )


def tiff(given: dict[int, int], *, compression: int = 1) -> bytes:
    """Return a TIFF file of numbers in tags; its one strip or tile is a few bytes."""
    packed = zlib.compress(bytes(1_000))
    all_tags = {258: 8, 259: compression, 262: 1, 273: 0, 277: 1, 279: len(packed)} | given
    if 322 in given:
        all_tags |= {324: 0, 325: len(packed)}
        del all_tags[273], all_tags[279]
    where = 8 + 2 + 12 * len(all_tags) + 4
    all_tags[324 if 322 in given else 273] = where
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(all_tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(all_tags)) + entries + bytes(4) + packed


def circle() -> bytes:
    """Return a TIFF file of five channels whose next page is itself."""
    file = io.BytesIO()
    tifffile.imwrite(
        file, np.zeros((8, 8, 5), np.uint16), photometric="minisblack", planarconfig="contig", metadata=None
    )
    content = bytearray(file.getvalue())
    (place,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, place)
    struct.pack_into("<I", content, place + 2 + 12 * count, place)
    return bytes(content)


def pages() -> bytes:
    """Return a TIFF file of two channels and 100,000 pages with nothing on them."""
    content = bytearray(circle())
    (place,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, place)
    struct.pack_into("<I", content, place + 2 + 12 * count, len(content))
    start = len(content)
    following = (start + 6 * number for number in range(1, 100_000))
    return bytes(content) + b"".join(struct.pack("<HI", 0, place) for place in following) + bytes(6)


def strip() -> bytes:
    """Return a TIFF file of five channels whose one strip unpacks to far more than its pixels."""
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        np.zeros((64, 64, 5), np.uint16),
        photometric="minisblack",
        planarconfig="contig",
        compression="zlib",
    )
    content = bytearray(file.getvalue())
    packed = zlib.compressobj(1)
    block = bytes(MEGA)
    bomb = b"".join(packed.compress(block) for _ in range(1_000)) + packed.flush()
    (place,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, place)
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag = struct.unpack_from("<H", content, entry)[0]
        if tag in (273, 279):
            value = len(content) if tag == 273 else len(bomb)
            struct.pack_into("<HII", content, entry + 2, 4, 1, value)
    return bytes(content) + bomb
