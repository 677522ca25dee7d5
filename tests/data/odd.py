"""A folder of broken and odd pictures, each with the pixels it shows or the reason it must be refused for."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, PngImagePlugin

HEIGHT, WIDTH = 24, 40
TRANSPOSED = {5, 6, 7, 8}


class Odd(NamedTuple):
    """One file: the pixels it shows (height × width × 1 or 3) within `tolerance`, or a word of its refusal."""

    name: str
    pixels: np.ndarray | None = None
    tolerance: int = 0
    reason: str = ""


def colours() -> np.ndarray:
    """Return a smooth picture in colour: every corner differs, and JPEG changes it little."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([y * 10, x * 6, 255 - y * 5 - x * 3], axis=2).clip(0, 255).astype(np.uint8)


def greys() -> np.ndarray:
    """Return a smooth grey picture."""
    return colours()[:, :, :1]


def write_broken(folder: Path) -> Iterator[Odd]:
    """Write the files that must be refused."""
    photo = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), "JPEG", quality=95)
    png = encoded(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8), "PNG")
    files: dict[str, tuple[bytes, str]] = {
        "half.jpg": (photo[: len(photo) // 2], "truncated"),
        "zero_tail.jpg": (photo[: len(photo) // 2] + bytes(len(photo) // 2), "truncated"),
        "half.png": (png[: len(png) // 2], "truncated"),
        "half.webp": (cut(encoded(noise(), "WEBP", lossless=True)), "truncated"),
        "half.bmp": (cut(encoded(noise(), "BMP")), "truncated"),
        "half.tiff": (cut(encoded(noise(), "TIFF")), "truncated"),
        "half.gif": (cut(encoded(noise()[:, :, 0], "GIF")), "truncated"),
        "only_the_start.jpg": (photo[:20], "truncated"),
        "empty.jpg": (b"", "empty"),
        "zeros.jpg": (bytes(5_000), "zero bytes"),
        "notes.jpg": (b"cat 1\ncat 2\n", "text"),
        "error_page.jpg": (b"\n<!DOCTYPE html><html><body>404</body></html>", "HTML"),
        "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC"),
        "archive.png": (b"PK\x03\x04" + bytes(100), "zip"),
        "random.jpg": (np.random.default_rng(2).bytes(500), "not a picture"),
        "checksum.png": (flipped(png, png.index(b"IDAT") + 30), "checksum"),
        "header_checksum.png": (flipped(png, 18), "damaged"),
        "bomb.png": (png_declaring(20_000, 20_000), "400,000,000 pixels"),
        "worse_bomb.png": (png_declaring(60_000, 60_000), "3,600,000,000 pixels"),
        "floats.tiff": (encoded(np.full((4, 4), 300, np.float32), "TIFF"), "300"),
        "nan.tiff": (encoded(np.full((4, 4), np.nan, np.float32), "TIFF"), "nan"),
        "integers.tiff": (encoded(np.full((4, 4), 200, np.int32), "TIFF"), "32-bit"),
    }
    for name, (content, reason) in files.items():
        (folder / name).write_bytes(content)
        yield Odd(name, reason=reason)
    (folder / "broken_link.jpg").symlink_to(folder / "nowhere.jpg")
    yield Odd("broken_link.jpg", reason="no such file")
    (folder / "circle.jpg").symlink_to(folder / "circle.jpg")
    yield Odd("circle.jpg", reason="link")


def write_odd(folder: Path) -> Iterator[Odd]:
    """Write the files that must be read, and read right."""
    for name, image, options, pixels, tolerance in (*grey_kinds(), *colour_kinds(), *containers()):
        image.save(folder / name, **options)
        yield Odd(name, pixels, tolerance)
    for orientation in range(1, 9):
        for ending in ("jpg", "png", "tiff", "webp"):
            yield write_turned(folder, orientation, ending)
    yield write_adobe_free(folder)
    sixteen = png_of(16, 2, (colours().astype(np.uint16) * 257).astype(">u2"))
    (folder / "rgb16.png").write_bytes(sixteen)
    yield Odd("rgb16.png", colours())
    keyed = Image.fromarray(colours())
    keyed.save(folder / "keyed.png", transparency=tuple(colours()[0, 0].tolist()))
    yield Odd("keyed.png", painted(colours(), 255))


def grey_kinds() -> Iterator[tuple[str, Image.Image, dict[str, object], np.ndarray, int]]:
    """Give every way to keep a grey picture."""
    grey = greys()
    flat = grey[:, :, 0]
    sixteen = flat.astype(np.uint16) * 257
    yield "grey.jpg", Image.fromarray(flat), {"quality": 100}, grey, 2
    yield "grey.png", Image.fromarray(flat), {}, grey, 0
    yield "grey16.png", Image.fromarray(sixteen), {}, grey, 0
    yield "grey16.tiff", Image.fromarray(sixteen), {}, grey, 0
    yield "grey16.pgm", Image.fromarray(sixteen.astype(np.int32)), {}, grey, 0
    yield "floats01.tiff", Image.fromarray(flat.astype(np.float32) / 255), {}, grey, 0
    bits = flat > 100
    yield "bits.png", Image.fromarray(bits), {}, (bits * np.uint8(255))[:, :, None], 0
    yield "bits.tiff", Image.fromarray(bits), {"compression": "group4"}, (bits * np.uint8(255))[:, :, None], 0
    alpha = np.full_like(flat, 255)
    alpha[:2] = 0
    seen = grey.copy()
    seen[:2] = 255
    yield "grey_alpha.png", Image.fromarray(np.stack([flat, alpha], axis=2), "LA"), {}, seen, 0


def colour_kinds() -> Iterator[tuple[str, Image.Image, dict[str, object], np.ndarray, int]]:
    """Give every way to keep a picture in colour."""
    full = colours()
    rgb = Image.fromarray(full)
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:2], alpha[2:4] = 0, 128
    over = full.astype(np.float64)
    over = np.rint(over * (alpha / 255)[..., None] + 255 * (1 - alpha / 255)[..., None]).astype(np.uint8)
    rgba = Image.fromarray(np.dstack([full, alpha]))
    yield "alpha.png", rgba, {}, over, 1
    yield "alpha.webp", rgba, {"lossless": True, "exact": True}, over, 1
    yield "alpha.tiff", rgba, {}, over, 1
    quantised = rgb.quantize(16)
    shown = np.asarray(quantised.convert("RGB"))
    yield "palette.png", quantised, {}, shown, 0
    yield "palette.bmp", quantised, {}, shown, 0
    yield "palette.gif", quantised, {}, shown, 0
    hole = shown.copy()
    hole[np.asarray(quantised) == 3] = 255
    yield "palette_hole.png", quantised, {"transparency": 3}, hole, 0
    yield "palette_hole.gif", quantised, {"transparency": 3}, hole, 0
    half = bytes(128 if index == 3 else 255 for index in range(16))
    mixed = shown.astype(np.float64)
    mixed[np.asarray(quantised) == 3] = mixed[np.asarray(quantised) == 3] * 128 / 255 + 127
    yield "palette_alpha.png", quantised, {"transparency": half}, np.rint(mixed).astype(np.uint8), 1
    cmyk = Image.merge(
        "CMYK", [*(Image.fromarray(255 - full[:, :, c]) for c in range(3)), Image.new("L", rgb.size)]
    )
    yield "cmyk.jpg", cmyk, {"quality": 100}, full, 4
    yield "cmyk.tiff", cmyk, {}, full, 0


def containers() -> Iterator[tuple[str, Image.Image, dict[str, object], np.ndarray, int]]:
    """Give the same picture in every container, and under names that are not what they seem."""
    full = colours()
    rgb = Image.fromarray(full)
    other = Image.fromarray(255 - full)
    yield "UPPER.JPG", rgb, {"format": "JPEG", "quality": 100, "subsampling": 0}, full, 3
    yield "progressive.jpg", rgb, {"progressive": True, "quality": 100, "subsampling": 0}, full, 3
    yield "really_a_png.jpg", rgb, {"format": "PNG"}, full, 0
    yield "really_a_jpeg.png", rgb, {"format": "JPEG", "quality": 100, "subsampling": 0}, full, 3
    yield "ünïcode 猫.png", rgb, {}, full, 0
    yield "with spaces  (1).png", rgb, {}, full, 0
    yield "interlaced-looking [x]{y}.webp", rgb, {"lossless": True}, full, 0
    yield "lzw.tif", rgb, {"compression": "tiff_lzw"}, full, 0
    yield "deflated.tif", rgb, {"compression": "tiff_deflate"}, full, 0
    yield "jpeg_inside.tif", rgb, {"compression": "jpeg", "quality": 100}, full, 40
    yield "pages.tif", rgb, {"save_all": True, "append_images": [other]}, full, 0
    yield "moving.webp", rgb, {"save_all": True, "append_images": [other], "lossless": True}, full, 0
    yield "moving.png", rgb, {"save_all": True, "append_images": [other]}, full, 0
    yield "plain.bmp", rgb, {}, full, 0
    yield "plain.ppm", rgb, {}, full, 0
    # A BMP of 32 bits has a fourth byte that is no transparency unless the file says so.
    yield (
        "bits32.bmp",
        Image.fromarray(np.dstack([full, np.full((HEIGHT, WIDTH), 255, np.uint8)])),
        {},
        full,
        0,
    )


def write_turned(folder: Path, orientation: int, ending: str) -> Odd:
    """Write the picture as a camera held that way would, so that it must come out upright."""
    name = f"turned_{orientation}.{ending}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if ending == "jpg" else {}
    if ending == "webp":
        options = {"lossless": True}
    Image.fromarray(stored(colours(), orientation)).save(folder / name, exif=exif, **options)
    return Odd(name, colours(), 3 if ending == "jpg" else 0)


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return how EXIF 2.32 (tag 0x0112) stores a picture: where its row 0 and column 0 are when it is shown."""
    turn = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],  # top, right
        3: lambda a: a[::-1, ::-1],  # bottom, right
        4: lambda a: a[::-1],  # bottom, left
        5: lambda a: a.transpose(1, 0, 2),  # left, top
        6: lambda a: a[:, ::-1].transpose(1, 0, 2),  # right, top
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),  # right, bottom
        8: lambda a: a[::-1].transpose(1, 0, 2),  # left, bottom
    }
    return np.ascontiguousarray(turn[orientation](upright))


def write_adobe_free(folder: Path) -> Odd:
    """Write a CMYK JPEG without Adobe's marker: its inks are stored as they are, not inverted."""
    inks = Image.merge(
        "CMYK",
        [Image.fromarray(255 - colours()[:, :, c]) for c in range(3)] + [Image.new("L", (WIDTH, HEIGHT))],
    )
    inverted = Image.fromarray(255 - np.asarray(inks), "CMYK")  # Pillow inverts as it writes
    content = encoded_image(inverted, "JPEG", quality=100)
    start = content.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", content, start + 2)
    (folder / "cmyk_no_adobe.jpg").write_bytes(content[:start] + content[start + 2 + length :])
    return Odd("cmyk_no_adobe.jpg", colours(), 4)


def noise() -> np.ndarray:
    """Return a picture that no encoder makes small, so that half of its file is half of the picture."""
    return np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)


def painted(pixels: np.ndarray, value: int) -> np.ndarray:
    """Return the picture with every pixel of its first colour set to `value`."""
    painted = pixels.copy()
    painted[(pixels == pixels[0, 0]).all(axis=2)] = value
    return painted


def encoded(pixels: np.ndarray, form: str, **options: object) -> bytes:
    """Return a file of these pixels."""
    return encoded_image(Image.fromarray(pixels), form, **options)


def encoded_image(image: Image.Image, form: str, **options: object) -> bytes:
    """Return a file of this image."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def cut(content: bytes) -> bytes:
    """Return the first half."""
    return content[: len(content) // 2]


def flipped(content: bytes, place: int) -> bytes:
    """Return the content with one bit changed."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def png_declaring(width: int, height: int) -> bytes:
    """Return a small PNG whose header declares a large picture."""
    return png_of(8, 0, np.zeros((1, 1, 1), np.uint8), (width, height))


def png_of(bits: int, colour_type: int, pixels: np.ndarray, size: tuple[int, int] | None = None) -> bytes:
    """Return a PNG written chunk by chunk, for what Pillow cannot write."""
    width, height = size or (pixels.shape[1], pixels.shape[0])
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    file.seek(0, io.SEEK_END)
    PngImagePlugin.putchunk(file, b"IHDR", struct.pack(">2I5B", width, height, bits, colour_type, 0, 0, 0))
    PngImagePlugin.putchunk(file, b"IDAT", zlib.compress(rows))
    PngImagePlugin.putchunk(file, b"IEND", b"")
    return file.getvalue()
