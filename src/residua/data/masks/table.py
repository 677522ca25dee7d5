"""A table with a column of pictures and a column of masks: CSV, TSV or Parquet."""

from collections import Counter
from pathlib import Path

from residua.data.listing import WHOLE, amount
from residua.data.masks.layout import PairListing
from residua.data.masks.pairing import Pair, pattern_of
from residua.data.source import BadFile
from residua.data.tables import (
    MASK_NAMES,
    SPLIT_COLUMNS,
    SPLITS,
    Table,
    holds_paths,
    holds_splits,
    read_table,
)
from residua.errors import BadData


def table_holds_masks(path: Path) -> bool:
    """Return whether a table has two columns of paths.

    Raises:
        BadData: it is no table.
        MissingExtra: a Parquet table without pyarrow.
    """
    table = read_table(path)
    return sum(holds_paths(table, column) for column in range(len(table.columns))) >= 2


def list_table_pairs(path: Path) -> PairListing:
    """Return the pairs that a table lists; relative paths in it are relative to its folder.

    Raises:
        BadData: it is no table, or its columns cannot be told apart.
        MissingExtra: a Parquet table without pyarrow.
    """
    table = read_table(path)
    folded = [name.strip().casefold().replace(" ", "_") for name in table.columns]
    held = [column for column in range(len(folded)) if holds_paths(table, column)]
    masks = next(
        (folded.index(name) for name in MASK_NAMES if name in folded and folded.index(name) in held), None
    )
    if masks is None and len(held) == 2:
        masks = held[1]
    images = [column for column in held if column != masks]
    if masks is None or not images:
        raise BadData(
            f"{path} has no two columns of paths that are told apart by their names ({', '.join(table.columns)}); "
            "call them image and mask"
        )
    split = next((folded.index(name) for name in SPLIT_COLUMNS if name in folded), None)
    if split is not None and not holds_splits(table, split):
        split = None
    pairs, unpaired = _pairs(path, table, (images[0], masks, split))
    if not pairs:
        raise BadData(f"{path} lists no picture with a mask that exists; the first: {': '.join(unpaired[0])}")
    if split is not None and "train" not in pairs:
        raise BadData(f"no row of {path} belongs to train")
    said = f"pictures from column '{table.columns[images[0]]}', masks from column '{table.columns[masks]}'"
    if split is not None:
        said += f", splits from column '{table.columns[split]}'"
    return PairListing(
        root=path.parent,
        pairs={name: pairs[name] for name in ("train", "val", "test", WHOLE) if name in pairs},
        pattern=Counter(
            pattern_of(pair.image, pair.masks[0]) for found in pairs.values() for pair in found
        ).most_common(1)[0][0],
        unpaired=tuple(unpaired),
        notes=(said, f"{amount(len(table.rows), 'row')} in {path.name}"),
        tops=(path.parent,),
    )


def _pairs(
    path: Path, table: Table, columns: tuple[int, int, int | None]
) -> tuple[dict[str, list[Pair]], list[BadFile]]:
    """Return the pairs by split, and the rows that give none, each with its reason."""
    images, masks, split = columns
    pairs: dict[str, list[Pair]] = {}
    unpaired: list[BadFile] = []
    seen: dict[str, str] = {}
    for row, place in zip(table.rows, table.places, strict=True):
        said = f"{place} of {path.name}"
        if len(row) != len(table.columns):
            unpaired.append(BadFile(said, f"{amount(len(row), 'cell')}, the header has {len(table.columns)}"))
            continue
        image, mask = row[images].strip(), row[masks].strip()
        part = WHOLE if split is None else SPLITS.get(row[split].strip().casefold(), "")
        if not image or not mask:
            unpaired.append(BadFile(image or said, f"no {'mask' if image else 'picture'} in {said}"))
        elif not part:
            unpaired.append(
                BadFile(image, f"{said} says split '{row[split or 0]}'; the splits are train, val and test")
            )
        elif image in seen:
            unpaired.append(BadFile(image, f"{said} names it again, after {seen[image]}"))
        elif gone := [name for name in (image, mask) if not (path.parent / name).exists()]:
            unpaired.append(BadFile(gone[0], f"there is no such file ({said})"))
        else:
            pairs.setdefault(part, []).append(Pair(image, (mask,)))
            seen[image] = place
    return pairs, unpaired
