"""From names of claims to measured claims, and from those to files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import final

from residua.errors import BadInput, UnknownName
from residua.files import replacing, write_text
from residua.lab.claim import Claim
from residua.lab.claims import CLAIMS, Option
from residua.lab.page import page
from residua.report.drawing import save
from residua.training.processor import open_device


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be asked of claims; a claim keeps its own default for what is None.

    Attributes:
        data: "digits", or what `residua train` takes.
        depths: layers of the networks.
        seeds: networks drawn for each set-up.
        device: where to compute.
        quick: measure less.
    """

    data: str | None = None
    depths: tuple[int, ...] | None = None
    seeds: int | None = None
    device: str | None = None
    quick: bool = False

    def given(self) -> dict[Option, object]:
        """Return what was asked for, by the name of the option."""
        asked: dict[Option, object] = {
            "data": self.data,
            "depths": self.depths,
            "seeds": self.seeds,
            "device": self.device,
        }
        return {name: value for name, value in asked.items() if value is not None}


def chosen(names: Sequence[str], options: Options) -> tuple[str, ...]:
    """Return the names of the claims to measure, in the order of the chapter: all, if none is named.

    Raises:
        UnknownName: no claim has such a name; the nearest are in the message.
        BadInput: an option that none of them takes, or that cannot be.

    >>> chosen(["variance", "shattering"], Options())
    ('shattering', 'variance')
    """
    for name in names:
        if name not in CLAIMS:
            raise UnknownName.among("claim", name, CLAIMS)
    wanted = tuple(name for name in CLAIMS if name in names or not names)
    for option in options.given():
        if not any(option in CLAIMS[name].options for name in wanted):
            takers = ", ".join(name for name, entry in CLAIMS.items() if option in entry.options)
            raise BadInput(f"--{option} means nothing to {', '.join(wanted)}; these claims take it: {takers}")
    if options.seeds is not None and options.seeds < 1:
        raise BadInput(f"--seeds {options.seeds}: a claim needs at least one network; give 1 or more")
    if options.depths is not None and min(options.depths, default=0) < 8:
        raise BadInput(
            f"--depths {' '.join(map(str, options.depths))}: the least is 8 layers, one block a stage"
        )
    if options.device is not None:
        open_device(options.device)
    return wanted


def measure(names: Sequence[str] = (), options: Options | None = None) -> Iterator[Claim]:
    """Measure claims one after another; each comes when it is done.

    Args:
        names: of claims; all if none is named.
        options: a claim is given those that it takes.

    Raises:
        UnknownName: no claim has such a name.
        BadInput: an option that none of the claims takes.
    """
    options = options or Options()
    for name in chosen(names, options):
        entry = CLAIMS[name]
        module, _, function = entry.function.partition(":")
        claim: Callable[..., Claim] = getattr(import_module(module), function)
        yield claim(quick=options.quick, **{o: v for o, v in options.given().items() if o in entry.options})


def write(claims: Sequence[Claim], folder: Path) -> Path:
    """Write each claim as JSON, SVG and PNG, and all of them as one page; return the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    for claim in claims:
        with replacing(folder / f"{claim.name}.json") as temporary:
            temporary.write_bytes(claim.json())
        figure = claim.plot()
        for kind in ("svg", "png"):
            save(figure, folder / f"{claim.name}.{kind}")
    path = folder / "index.html"
    write_text(path, page(claims))
    return path
