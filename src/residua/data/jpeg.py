"""Ordinary JPEG pictures decoded by simplejpeg, where it is installed: the bits that Pillow gives, in less time.

Both are libjpeg-turbo with the same settings. simplejpeg is only asked once Pillow has read the header and the
picture has been allowed, and whatever it complains of is left to Pillow, which then says what is wrong.
"""

from typing import Final

import numpy as np
from PIL import Image

try:
    import simplejpeg
except ImportError:  # Pillow does it
    simplejpeg = None

SPACES: Final = {"L": "GRAY", "RGB": "RGB"}
_CLEAR: Final = 16
"""Pixels that each side has at least of a picture decoded smaller: among fewer, two scales have the same size."""


def jpeg_pixels(content: bytes, image: Image.Image, *, smaller: bool) -> np.ndarray | None:
    """Return the pixels of a JPEG, height × width × 1 or 3, or None if Pillow has to decode it.

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (3, 2)).save(file, "PNG")
    >>> jpeg_pixels(file.getvalue(), Image.open(file), smaller=False) is None
    True

    Args:
        content: of the file.
        image: opened from it, nothing of it decoded.
        smaller: whether its `draft` made it so; then its size now is what is decoded to.
    """
    if simplejpeg is None or image.format != "JPEG" or image.mode not in SPACES:
        return None
    if smaller and min(image.size) < _CLEAR:
        return None
    least = {"min_width": image.width, "min_height": image.height} if smaller else {}
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(content, SPACES[image.mode], **least)
    except ValueError:  # what is damaged, if only a little
        return None
    return pixels if pixels.shape[:2] == (image.height, image.width) else None
