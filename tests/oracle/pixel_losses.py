"""The losses of a segmenter pixel by pixel, in plain Python."""

import math
from collections.abc import Iterator

Plane = list[list[int]]
Logits = list[list[list[float]]]
"""Of one picture: classes, rows, columns."""


def shares(logits: Logits, row: int, column: int) -> list[float]:
    powers = [math.exp(plane[row][column]) for plane in logits]
    return [power / sum(powers) for power in powers]


def pixels(pictures: list[Logits], masks: list[Plane], void: int) -> Iterator[tuple[list[float], int]]:
    """Give the probabilities and the class of every pixel that has one."""
    for logits, mask in zip(pictures, masks, strict=True):
        for row, line in enumerate(mask):
            for column, value in enumerate(line):
                if value != void:
                    yield shares(logits, row, column), value


def cross_entropy(pictures: list[Logits], masks: list[Plane], weights: list[float], void: int) -> float:
    found = list(pixels(pictures, masks, void))
    total = sum(-weights[value] * math.log(of[value]) for of, value in found)
    return total / sum(weights[value] for _, value in found)


def focal(pictures: list[Logits], masks: list[Plane], weights: list[float], void: int) -> float:
    found = list(pixels(pictures, masks, void))
    total = sum(-weights[value] * (1 - of[value]) ** 2 * math.log(of[value]) for of, value in found)
    return total / sum(weights[value] for _, value in found)


def dice(pictures: list[Logits], masks: list[Plane], void: int) -> float:
    found = list(pixels(pictures, masks, void))
    lacking = []
    for index in sorted({value for _, value in found}):
        shared = sum(of[index] for of, value in found if value == index)
        given, wanted = sum(of[index] for of, _ in found), sum(value == index for _, value in found)
        lacking.append(1 - 2 * shared / (given + wanted))
    return sum(lacking) / len(lacking)


def regions(mask: Plane, background: int | None, void: int) -> list[set[tuple[int, int]]]:
    """Return the pieces of one class that hang together by the sides of their pixels."""
    left = {
        (row, column)
        for row, line in enumerate(mask)
        for column, value in enumerate(line)
        if value not in (background, void)
    }
    found = []
    while left:
        piece, new = set(), {min(left)}
        while new:
            piece |= new
            beside = {(r + a, c + b) for r, c in new for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))}
            value = mask[min(piece)[0]][min(piece)[1]]
            new = {(r, c) for r, c in beside & left if mask[r][c] == value} - piece
        found.append(piece)
        left -= piece
    return found


def border_weights(mask: Plane, background: int | None, void: int) -> list[list[float]]:
    """Return 10 exp(-(d1 + d2)² / 50), measuring the distance to every pixel of every region."""
    pieces = regions(mask, background, void)
    weights = []
    for row, line in enumerate(mask):
        weights.append([])
        for column in range(len(line)):
            distances = sorted(min(math.dist((row, column), pixel) for pixel in piece) for piece in pieces)
            gap = sum(distances[:2]) if len(distances) > 1 else math.inf
            weights[-1].append(10 * math.exp(-(gap**2) / 50) if gap <= 20 else 0.0)
    return weights
