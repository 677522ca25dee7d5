"""Draw the tables of speed and memory, and their figure, again from the JSON that the measurements left.

    python -m benchmarks.tables

The files are `training.json`, `inference.json`, `loading.json`, `limits.json` and `memory.json` in
`benchmarks/results/`, as option `--out` of those commands writes them; those of a processor without bfloat16 are in
`avx2/` there, those of another with it in `zen4/`, those of one with tiles in `amx/`. A table stands between two
comments in `README.md` or `docs/numbers.md`; what is between them is replaced. The figure is `docs/images/speed.png`.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from residua.report.drawing import INK, PLAIN, RESIDUAL, drawn, panels, save

RESULTS: Final = Path("benchmarks/results")
PAGES: Final = (Path("README.md"), Path("docs/numbers.md"))
PICTURE: Final = Path("docs/images/speed.png")
OURS: Final = "Residua"

Kept = dict[str, Any]


def read(name: str) -> Kept:
    """Return what a measurement left."""
    found: Kept = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def comparisons(name: str, folder: str = "") -> str:
    """Return a row for each thing that was compared and a column for each peer: how many times our time it takes."""
    found = read(f"{folder}{name}")
    lines: list[str] = []
    for title, rows in found["tables"].items():
        ours, *peers = rows
        heads = [peer["side"] for peer in peers]
        head = f"| {name} | {OURS}, ms | {' | '.join(heads)} |"
        if not lines or head not in lines:
            lines += [*([""] if lines else []), head, "|---" * (2 + len(peers)) + "|"]
        cells = [f"{peer['times_ours']:.2f} ({peer['least']:.2f} to {peer['most']:.2f})" for peer in peers]
        short = title.partition(", ")[2] if title.startswith(name) else title
        lines.append(f"| {short} | {ours['milliseconds']:.0f} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", machine(found)])


def limits(name: str) -> str:
    """Return what each piece of work has to take at the least, what it takes, and the share that is reached."""
    found = read(name)
    rates = f"{found['operations'] / 1e9:.0f} GFLOP/s and {found['bytes'] / 1e9:.1f} GB/s"
    lines = [
        f"| limits by {rates} | arithmetic, ms | memory, ms | takes, ms | of the first |",
        "|---" * 5 + "|",
    ]
    for row in found["rows"]:
        cells = [f"{row[key]:.0f}" for key in ("compute", "memory", "milliseconds")]
        lines.append(f"| {row['name']} | {' | '.join(cells)} | {row['compute'] / row['milliseconds']:.2f} |")
    return "\n".join([*lines, "", machine(found)])


def memory(folder: str = "") -> str:
    """Return what an image takes and what a step takes, each with its share of eager float32."""
    found = read(f"{folder}memory")
    ways = ("plain", "lean", "least")
    lines = [
        "| network, pixels | eager float32, MB | defaults | `--memory lean` | `least` | times eager's time: defaults "
        "| `lean` | `least` |",
        "|---" * 8 + "|",
    ]
    for row in found["rows"]:
        eager, sizes, seconds = row["bytes"]["eager"], row["bytes"], row["seconds"]
        cells = [f"{sizes[way] / 1e6:.1f} ({sizes[way] / eager:.2f})" for way in ways]
        times = [f"{seconds[way]['median'] / seconds['eager']['median']:.2f}" for way in ways]
        lines.append(
            f"| {row['network']}, {row['side']} | {eager / 1e6:.1f} | {' | '.join([*cells, *times])} |"
        )
    return "\n".join([*lines, "", machine(found)])


def summary(folder: str = "") -> str:
    """Return a row for each thing that was compared: against a peer as it comes, and against the fastest there is."""
    lines = ["| on one core | a peer as it comes | the fastest peer |", "|---|---|---|"]
    for name in ("training", "inference", "loading"):
        for title, (_, *peers) in read(f"{folder}{name}")["tables"].items():
            usual, fastest = peers[0]["times_ours"], min(peer["times_ours"] for peer in peers)
            lines.append(f"| {in_words(title)} | {usual:.2f} | {fastest:.2f} |")
    return "\n".join([*lines, "", machine(read(f"{folder}training"))])


def in_words(title: str) -> str:
    """Return the title of a comparison as a row of the summary has it.

    >>> in_words("loading, 32 pixels, in memory"), in_words("inference, resnet50, 1 of 224 pixels, bf16")
    ('pictures, 32 pixels, in memory', 'inference, resnet50, 1 of 224 pixels, bf16')
    """
    return title.replace("loading", "pictures")


def machine(found: Kept) -> str:
    """Return on what a measurement was made."""
    on = found["machine"]
    versions = on.get("versions", {"torch": on.get("torch")})
    return f"One core of an {on['processor']}; " + ", ".join(
        f"{name} {version}" for name, version in versions.items()
    )


TABLES: Final[dict[str, Callable[[], str]]] = {
    "summary": summary,
    "training": lambda: comparisons("training"),
    "inference": lambda: comparisons("inference"),
    "loading": lambda: comparisons("loading"),
    "avx2/training": lambda: comparisons("training", "avx2/"),
    "avx2/loading": lambda: comparisons("loading", "avx2/"),
    "amx/summary": lambda: summary("amx/"),
    "amx/training": lambda: comparisons("training", "amx/"),
    "amx/inference": lambda: comparisons("inference", "amx/"),
    "amx/loading": lambda: comparisons("loading", "amx/"),
    "zen4/training": lambda: comparisons("training", "zen4/"),
    "zen4/inference": lambda: comparisons("inference", "zen4/"),
    "zen4/limits": lambda: limits("zen4/limits"),
    "zen4/memory": lambda: memory("zen4/"),
    "avx2/memory": lambda: memory("avx2/"),
    "memory": memory,
}


def redrawn(text: str) -> str:
    """Return a page with each of its tables drawn again.

    >>> redrawn("no table")
    'no table'
    """

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}\n\n{TABLES[found[2]]()}\n\n<!-- end -->"

    return re.sub(r"(<!-- table: ([\w/]+) -->)\n.*?<!-- end -->", table, text, flags=re.DOTALL)


def bars() -> Iterator[tuple[str, float, float]]:
    """Walk what is compared with how many times our time its slowest and its fastest peer take."""
    for name in ("training", "inference", "loading"):
        for title, (_, *peers) in read(name)["tables"].items():
            times = [peer["times_ours"] for peer in peers]
            yield title.replace("training step", "training"), max(times), min(times)


def picture(figure: Figure) -> None:
    """Draw the bars: a peer as it comes, and the best of the peers."""
    (axis,) = panels(figure, "How many times as long as Residua's a peer's work takes")
    titles, slowest, fastest = zip(*reversed(list(bars())), strict=True)
    places = range(len(titles))
    axis.barh([place + 0.2 for place in places], slowest, 0.4, color=PLAIN, label="as it comes")
    axis.barh([place - 0.2 for place in places], fastest, 0.4, color=RESIDUAL, label="the best of them")
    axis.axvline(1, color=INK, linewidth=1)
    axis.set_yticks(places, titles)
    axis.set_xscale("log")
    axis.set_xticks([0.5, 1, 2, 4, 8, 16], ["0.5", "1", "2", "4", "8", "16"])
    axis.minorticks_off()
    axis.legend(loc="upper right")


def main() -> None:
    """Draw all of them again."""
    for page in PAGES:
        page.write_text(redrawn(page.read_text()))
    save(drawn(picture, (10, 7)), PICTURE)


if __name__ == "__main__":
    main()
