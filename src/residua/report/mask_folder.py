"""What a report reads of a run that was trained on masks."""

import msgspec


class Encoding(msgspec.Struct, frozen=True):
    """Which value or colour of the mask files stands for which class."""

    kind: str = "values"
    classes: list[str] = []
    values: list[int] = []
    void: list[int] = []
    layers: list[str] = []

    def stored(self, index: int) -> str:
        """Return how class `index` stands in the mask files."""
        value = self.values[index]
        if self.kind == "files":
            return f"files {self.layers[value - 1]}" if 0 < value <= len(self.layers) else "in no file"
        return said(value, self.kind)

    def stored_void(self) -> str:
        """Return what stands for no class."""
        few = ", ".join(said(value, self.kind) for value in self.void[:4])
        return few + (", ..." if len(self.void) > 4 else "")


class MaskClass(msgspec.Struct, frozen=True):
    """How well one class is found: its pixels in truth and prediction, and how much of either both share."""

    name: str
    pixels: int = 0
    guesses: int = 0
    iou: float | None = None
    dice: float | None = None
    boundary_iou: float | None = None


class Wrong(msgspec.Struct, frozen=True):
    """A picture of which much was said wrong, with the names of four pictures of it."""

    name: str
    height: int = 0
    width: int = 0
    mean_iou: float | None = None
    pixel_accuracy: float | None = None
    wrong: int = 0
    image: str | None = None
    truth: str | None = None
    prediction: str | None = None
    error: str | None = None


class MaskEvaluation(msgspec.Struct, frozen=True):
    """How the finished network did on one split, in pixels; `confusion` has the truth in rows, the guess in columns."""

    samples: int
    classes: list[str]
    mean_iou: float
    split: str = "test"
    pixels: int = 0
    void: int = 0
    loss: float | None = None
    mean_dice: float | None = None
    pixel_accuracy: float | None = None
    mean_boundary_iou: float | None = None
    per_class: list[MaskClass] = []
    confusion: list[list[int]] = []
    colours: list[tuple[int, int, int]] = []
    worst: list[Wrong] = []


def said(value: int, kind: str) -> str:
    """Return a stored value as a person calls it.

    >>> said(7, "values"), said(0xFF00, "colours")
    ('7', '#00ff00')
    """
    return f"#{value:06x}" if kind == "colours" else str(value)
