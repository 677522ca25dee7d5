"""Agreement of masks pixel by pixel: what a loop over every pixel counts."""

Mask = list[list[int]]


def near_the_edge(mask: Mask, row: int, column: int, width: int) -> bool:
    """Return whether a pixel of another class, or the world beyond the picture, is within `width`."""
    height, across = len(mask), len(mask[0])
    for r in range(row - width, row + width + 1):
        for c in range(column - width, column + width + 1):
            if not (0 <= r < height and 0 <= c < across) or mask[r][c] != mask[row][column]:
                return True
    return False


def pixels(mask: Mask, index: int, *, width: int | None) -> set[tuple[int, int]]:
    """Return the pixels of a class; with a width only those near its edge."""
    return {
        (row, column)
        for row, line in enumerate(mask)
        for column, value in enumerate(line)
        if value == index and (width is None or near_the_edge(mask, row, column, width))
    }


def overlap(truths: list[Mask], guesses: list[Mask], classes: int, *, width: int | None) -> list[list[int]]:
    """Return for each class the pixels that both have, and those that either has, over all pictures."""
    shared, either = [0] * classes, [0] * classes
    for truth, guess in zip(truths, guesses, strict=True):
        for index in range(classes):
            mine, theirs = pixels(truth, index, width=width), pixels(guess, index, width=width)
            shared[index] += len(mine & theirs)
            either[index] += len(mine | theirs)
    return [shared, either]
