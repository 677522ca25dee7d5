"""A small picture of every kind that is read: what the mutations begin with."""

import io
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

HEIGHT: Final = 40
WIDTH: Final = 56
Seeds = dict[str, bytes]


def seeds() -> Seeds:
    """Return the bytes of every kind of picture and mask by its name, which ends as a file of it does."""
    return dict(of_pillow()) | dict(of_tifffile())


def of_pillow() -> Iterator[tuple[str, bytes]]:
    """Give what Pillow writes: every mode of every format, with EXIF, colour profile, texts and frames."""
    colour = coloured()
    grey, palette = colour.convert("L"), colour.convert("P", palette=Image.Palette.ADAPTIVE)
    alpha = colour.copy()
    alpha.putalpha(grey)
    deep = Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 25)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x011A] = 6, "a description " * 20, 72.0
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "words " * 50, zip=True)
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta><tiff:Orientation>3</tiff:Orientation></x:xmpmeta>")
    options: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "baseline.jpg": (colour, {"exif": exif, "icc_profile": b"profile" * 40, "comment": b"words"}),
        "progressive.jpg": (colour, {"progressive": True, "subsampling": 0}),
        "grey.jpg": (grey, {}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "colour.png": (colour, {"pnginfo": text, "exif": exif, "icc_profile": b"profile" * 40}),
        "alpha.png": (alpha, {}),
        "grey.png": (grey, {}),
        "deep.png": (deep, {}),
        "palette.png": (palette, {"transparency": 3, "bits": 4}),
        "bits.png": (grey.convert("1"), {}),
        "moving.png": (
            colour,
            {"save_all": True, "append_images": [colour.rotate(90), alpha.convert("RGB")]},
        ),
        "palette.gif": (palette, {"comment": b"words", "transparency": 2}),
        "moving.gif": (palette, {"save_all": True, "append_images": [grey.convert("P")], "loop": 0}),
        "colour.bmp": (colour, {}),
        "palette.bmp": (palette, {}),
        "bits.bmp": (grey.convert("1"), {}),
        "lossy.webp": (colour, {"exif": exif, "xmp": b"<x/>"}),
        "lossless.webp": (alpha, {"lossless": True}),
        "moving.webp": (colour, {"save_all": True, "append_images": [colour.rotate(90)]}),
        "colour.ppm": (colour, {}),
        "grey.pgm": (grey, {}),
        "bits.pbm": (grey.convert("1"), {}),
        "raw.tif": (colour, {"exif": exif}),
        "lzw.tif": (colour, {"compression": "tiff_lzw"}),
        "deflate.tif": (alpha, {"compression": "tiff_adobe_deflate"}),
        "jpeg.tif": (colour, {"compression": "jpeg"}),
        "fax.tif": (grey.convert("1"), {"compression": "group4"}),
        "packed.tif": (palette, {"compression": "packbits"}),
        "pages.tif": (colour, {"save_all": True, "append_images": [grey]}),
        "cmyk.tif": (colour.convert("CMYK"), {}),
        "floats.tif": (Image.fromarray(np.asarray(grey, np.float32) / 255), {}),
    }
    for name, (image, given) in options.items():
        file = io.BytesIO()
        image.save(file, format_of(name), **given)
        yield name, file.getvalue()


def of_tifffile() -> Iterator[tuple[str, bytes]]:
    """Give the TIFF files that need tifffile: many channels, deep colours, tiles, planes, pages and BigTIFF."""
    random = np.random.default_rng(0)
    many = random.integers(0, 65_536, (HEIGHT, WIDTH, 5), np.uint16)
    write: dict[str, Callable[[io.BytesIO], object]] = {
        "many.tif": lambda file: tifffile.imwrite(
            file, many, photometric="minisblack", planarconfig="contig"
        ),
        "planes.tif": lambda file: tifffile.imwrite(
            file, np.moveaxis(many, 2, 0), photometric="minisblack", planarconfig="separate"
        ),
        "tiles.tif": lambda file: tifffile.imwrite(
            file,
            many,
            photometric="minisblack",
            planarconfig="contig",
            tile=(16, 16),
            compression="zlib",
            predictor=True,
        ),
        "lzma.tif": lambda file: tifffile.imwrite(
            file, many, photometric="minisblack", planarconfig="contig", compression="lzma", rowsperstrip=8
        ),
        "deep.tif": lambda file: tifffile.imwrite(file, many[:, :, :3], photometric="rgb", byteorder=">"),
        "big.tif": lambda file: tifffile.imwrite(file, many[:, :, 0].astype(np.int32), bigtiff=True),
        "signed.tif": lambda file: tifffile.imwrite(file, many[:, :, 0].astype(np.int16)),
        "doubles.tif": lambda file: tifffile.imwrite(file, random.random((HEIGHT, WIDTH))),
        "channels.ome.tif": lambda file: tifffile.imwrite(
            file, np.moveaxis(many, 2, 0), photometric="minisblack", ome=True, metadata={"axes": "CYX"}
        ),
        "imagej.tif": lambda file: tifffile.imwrite(
            file, np.moveaxis(many, 2, 0), imagej=True, metadata={"axes": "CYX"}
        ),
    }
    for name, made in write.items():
        file = io.BytesIO()
        made(file)
        yield name, file.getvalue()


def coloured() -> Image.Image:
    """Return a small picture with a smooth half and a noisy one."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([y * 6, x * 4, 255 - y * 3 - x], axis=2).astype(np.uint8)
    pixels[:, WIDTH // 2 :] ^= np.random.default_rng(0).integers(0, 64, (HEIGHT, WIDTH // 2, 3), np.uint8)
    return Image.fromarray(pixels)


def format_of(name: str) -> str:
    """Return what Pillow calls the format of a file.

    >>> format_of("a.tif"), format_of("b.pgm")
    ('TIFF', 'PPM')
    """
    suffix = name.rpartition(".")[2]
    known = {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM", "pbm": "PPM"}
    return known.get(suffix, suffix.upper())
