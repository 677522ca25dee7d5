"""Whether a file is whole, where its decoder would not notice that it is not."""

import struct
import zlib

_CUT = "truncated: the file ends before the picture does"


def what_is_broken(content: bytes) -> str | None:
    """Return what is wrong with a JPEG, PNG or WebP file that decoders pass over, or None.

    >>> what_is_broken(bytes.fromhex("89504e470d0a1a0a"))
    'truncated: the file ends before the picture does'
    """
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _broken_png(content)
    if content.startswith(b"\xff\xd8\xff"):
        return _broken_jpeg(content)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _CUT if len(content) < 8 + struct.unpack_from("<I", content, 4)[0] else None
    return None


def _broken_png(content: bytes) -> str | None:
    """Check every chunk: Pillow stops at the last row and passes over the checksums of the pixel data."""
    position = 8
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            break
        (expected,) = struct.unpack_from(">I", content, end)
        if zlib.crc32(content[position + 4 : end]) != expected:
            return f"damaged: the checksum of its {kind.decode('latin-1')} chunk is wrong"
        if kind == b"IEND":
            return None
        position = end + 4
    return _CUT


def _broken_jpeg(content: bytes) -> str | None:
    """Look for the end of the picture: a file whose rest is zeros decodes to grey without complaint."""
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker, length = struct.unpack_from(">BH", content, position + 1)
        if marker == 0xDA:  # from here on the pixels, in which no other marker can look like the end
            # Looked for from behind, where it is: from the front that takes a tenth of decoding the picture.
            return None if content.rfind(b"\xff\xd9", position) > 0 else _CUT
        # A marker may be padded with 0xFF; all others before the pixels carry their length.
        position += 1 if marker == 0xFF else 2 + length
    return _CUT if position + 4 > len(content) else None  # what is no marker is for the decoder to judge
