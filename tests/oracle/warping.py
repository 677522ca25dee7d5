"""A warped picture and its mask pixel by pixel, as the definitions say it."""

import math

import numpy as np


def mirrored(place: float, length: int) -> float:
    """Return where a place along a row lies after as many reflections at its ends as it takes."""
    while not 0 <= place <= length:
        place = -place if place < 0 else 2 * length - place
    return place


def between_four(picture: np.ndarray, x: float, y: float) -> list[float]:
    """Return the channels of a picture at a point, weighted by how near the four pixels around it are."""
    height, width, channels = picture.shape
    right, down = mirrored(x, width) - 0.5, mirrored(y, height) - 0.5
    found = [0.0] * channels
    for row in (math.floor(down), math.floor(down) + 1):
        for column in (math.floor(right), math.floor(right) + 1):
            weight = (1 - abs(down - row)) * (1 - abs(right - column))
            pixel = picture[min(max(row, 0), height - 1), min(max(column, 0), width - 1)]
            for channel in range(channels):
                found[channel] += weight * float(pixel[channel])
    return found


def class_at(mask: np.ndarray, x: float, y: float, *, void: int) -> int:
    """Return the class of the pixel that holds a point, or void beyond the mask."""
    height, width = mask.shape
    row, column = math.floor(y), math.floor(x)
    return int(mask[row, column]) if 0 <= row < height and 0 <= column < width else void
