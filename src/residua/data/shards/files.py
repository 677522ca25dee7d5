"""One shard while it is written: a tar file, or a Parquet file that the Hugging Face datasets read too."""

import hashlib
import io
import json
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Final, Literal, NamedTuple, final

from residua.data.arrow import arrow
from residua.data.shards.index import Shard

Format = Literal["tar", "parquet"]
ROWS: Final = 100
"""Pictures in a row group at most, as the Hugging Face datasets have it: few enough to be read for one of them."""
GROUP_BYTES: Final = 16 * 1024**2
"""Bytes of pictures after which a row group ends, if it has not more rows already."""


class Sample(NamedTuple):
    """What is put in a shard: the file of a picture as it is, and the number of its class or the file of its mask."""

    name: str
    content: bytes
    label: int = 0
    mask: tuple[str, bytes] | None = None

    @property
    def bytes(self) -> int:
        """How many bytes of files it has."""
        return len(self.content) + (len(self.mask[1]) if self.mask else 0)


class Placed(NamedTuple):
    """Where the picture and the mask of a sample begin: bytes of a tar file, the row of a Parquet file."""

    picture: int
    mask: int


class OpenShard(ABC):
    """A shard that is being written; nothing in it says when, by whom or where.

    Attributes:
        name: of the file.
        samples: in it so far.
        size: about the bytes that the file will have.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.samples = 0
        self.size = 0
        self.path = folder / name

    @abstractmethod
    def add(self, sample: Sample, number: int) -> Placed:
        """Add a sample, which is the one of this number in the whole set."""

    @abstractmethod
    def finished(self) -> tuple[int, ...]:
        """End the file and return the rows of its row groups, if it has any."""

    def closed(self, split: str) -> Shard:
        """End the file and return what it is."""
        groups = self.finished()
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Shard(
            name=self.name,
            split=split,
            samples=self.samples,
            bytes=self.path.stat().st_size,
            sha256=digest,
            groups=groups,
        )


@final
class TarShard(OpenShard):
    """`000000042.jpg` beside `000000042.cls` or `000000042.mask.png`, as WebDataset has it."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        self._archive = tarfile.open(self.path, "x", format=tarfile.USTAR_FORMAT)  # noqa: SIM115  # see finished()
        self.size = tarfile.RECORDSIZE

    def add(self, sample: Sample, number: int) -> Placed:
        key = f"{number:09d}"
        picture = self._add(f"{key}{PurePath(sample.name).suffix.lower()}", sample.content)
        if sample.mask is None:
            beside = self._add(f"{key}.cls", str(sample.label).encode())
        else:
            beside = self._add(f"{key}.mask{PurePath(sample.mask[0]).suffix.lower()}", sample.mask[1])
        self.samples += 1
        self.size = self._archive.offset + tarfile.RECORDSIZE
        return Placed(picture, beside)

    def _add(self, name: str, content: bytes) -> int:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        offset = self._archive.offset + tarfile.BLOCKSIZE
        self._archive.addfile(member, io.BytesIO(content))
        return offset

    def finished(self) -> tuple[int, ...]:
        self._archive.close()
        return ()


@final
class ParquetShard(OpenShard):
    """Columns `image` and `label` or `mask`, files as {bytes, path}.

    Args:
        folder: to write in.
        name: of the file.
        classes: the names of the numbers in `label`; None where there are masks.
    """

    def __init__(self, folder: Path, name: str, classes: Sequence[str] | None) -> None:
        super().__init__(folder, name)
        self._arrow: Any = arrow("writing Parquet files")
        file = self._arrow.struct([("bytes", self._arrow.binary()), ("path", self._arrow.string())])
        beside = ("mask", file) if classes is None else ("label", self._arrow.int64())
        features: dict[str, object] = {"image": {"_type": "Image"}}
        features[beside[0]] = (
            {"_type": "Image"} if classes is None else {"names": list(classes), "_type": "ClassLabel"}
        )
        # https://huggingface.co/docs/datasets reads the names of the classes from here.
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        self._schema = self._arrow.schema([("image", file), beside], metadata=metadata)
        # Pictures do not get smaller by compression, and no two are equal: a dictionary would be a second copy.
        self._writer = self._arrow.parquet.ParquetWriter(
            self.path, self._schema, compression="none", use_dictionary=False, write_statistics=False
        )
        self._rows: list[Sample] = []
        self._held = 0
        self._groups: list[int] = []

    def add(self, sample: Sample, number: int) -> Placed:
        self._rows.append(sample)
        self._held += sample.bytes
        row = self.samples
        self.samples += 1
        self.size += sample.bytes + 2 * len(sample.name) + 64
        if len(self._rows) == ROWS or self._held >= GROUP_BYTES:
            self._end_group()
        return Placed(row, row)

    def _end_group(self) -> None:
        if not self._rows:
            return
        image = [_cell(sample.name, sample.content) for sample in self._rows]
        beside = [sample.label if sample.mask is None else _cell(*sample.mask) for sample in self._rows]
        columns = [
            self._arrow.array(cells, field.type)
            for cells, field in zip((image, beside), self._schema, strict=True)
        ]
        self._writer.write_table(self._arrow.table(columns, schema=self._schema), row_group_size=ROWS)
        self._groups.append(len(self._rows))
        self._rows, self._held = [], 0

    def finished(self) -> tuple[int, ...]:
        self._end_group()
        self._writer.close()
        return tuple(self._groups)


def _cell(name: str, content: bytes) -> dict[str, object]:
    # A name that is no text to its file system is none to Parquet either; the index has it as it is.
    return {"bytes": content, "path": name.encode("utf-8", "replace").decode()}
