"""The report of one run."""

from collections.abc import Callable
from pathlib import Path

from residua.files import write_text
from residua.report import exports, headline, masks, results, setting, training
from residua.report.folder import RunFolder, read
from residua.report.page import Section, render
from residua.runs import Run

Part = Callable[[RunFolder], Section | None]

# In the order of what a reader wants to know.
_OF_PICTURES: tuple[Part, ...] = (
    training.curves,
    results.confusion,
    results.classes,
    results.mistakes,
    results.calibration,
    training.speed,
    exports.files,
    setting.command,
    setting.data,
    setting.machine,
)
_OF_MASKS: tuple[Part, ...] = (
    masks.worst,
    masks.classes,
    masks.confusion,
    training.curves,
    masks.meaning,
    training.speed,
    exports.files,
    setting.command,
    setting.machine,
)


def write(folder: Path) -> Path:
    """Write `report.html` into the run `folder` and return its path.

    The page holds its pictures, style and script in itself, and depends on nothing but the folder: the same
    folder gives the same page. What the run does not have yet is left out, and the page says so.

    Raises:
        BadRun: the folder is no run, one of its files is damaged, or the page cannot be written.
    """
    run = read(folder)
    made = (section(run) for section in (_OF_MASKS if run.segments else _OF_PICTURES))
    page = render(
        f"{run.network_name} on {run.short_data_name}",
        [section for section in made if section is not None],
        subtitle=headline.subtitle(run),
        opening=headline.opening(run),
    )
    path = Run(run.path).report
    write_text(path, page)
    return path
