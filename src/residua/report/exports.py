"""What was exported from the run, and that it does the same."""

from residua.report.folder import Export, RunFolder
from residua.report.headline import digits
from residua.report.numbers import count, percent
from residua.report.page import Section, fill


def files(run: RunFolder) -> Section | None:
    """Return one line for each exported file: its outputs, the accuracy it lost, the speed it gained."""
    if not run.exports:
        return None
    rows = [row(one) for one in run.exports]
    found = run.exports[0].verified
    lead = (
        f"Each file was run in its own runtime on {count(found.pictures)} held-out pictures, beside the network in "
        "PyTorch. Differs: the most that a probability does. Lost: points of accuracy. Time: of a picture, in ms. "
        "Speed: against PyTorch in float32."
    )
    return Section("exports", "Exported files", fill("exports.html", {"rows": rows}), lead)


def row(one: Export) -> tuple[str, ...]:
    """Return what stands in the line of a file."""
    found = one.verified
    exact = digits(found.pictures)
    lost = 100 * (found.accuracy_before - found.accuracy)
    return (
        one.file,
        f"{one.bytes / 1e6:,.1f} MB",
        found.runtime.removesuffix(".0"),
        f"{found.difference:.1g}",
        percent(found.agreement, exact),
        percent(found.accuracy, exact),
        f"{lost:+.2f}" if round(lost, 2) else "0",
        f"{found.milliseconds:.3g}",
        f"{found.milliseconds_before / found.milliseconds:.2f}\u00d7",
    )
