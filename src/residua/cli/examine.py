"""`residua examine`: whether a network will train, why not, and what would help."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console

from residua.cli.screen import open_screen, say
from residua.errors import BadInput
from residua.exam import Cause, Depth, Examination, Remedy, healthy_bands
from residua.exam import examine as look
from residua.exam.verdict import USUAL
from residua.files import write_text
from residua.report import examination_page
from residua.training.processor import keep_memory
from residua.training.subject import open_subject

COLOURS = {"trains": "green", "slow": "yellow", "does not train": "red"}


def examine(
    target: str,
    /,
    *,
    data: str | None = None,
    input: str | None = None,  # the word that people use for it
    classes: int | None = None,
    device: str | None = None,
    steps: int | None = None,
    still: Annotated[bool, Parameter(negative="")] = False,
    page: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Say whether a network will train, why not, and what would help, before it is trained.

    Exit code 1 when it does not train.

    Args:
        target: a network's name, a JSON file of a spec, the folder of a run, or FILE.py:FUNCTION for a function
            that returns a PyTorch module.
        data: pictures to look at it with, as for train; without them noise that is like images.
        input: shape of the noise, such as 3x224x224.
        classes: answers that the network gives to the noise.
        device: to compute on.
        steps: length of the training that the verdict is about, in steps of its optimiser; that of a run if the
            target is one, otherwise 1000.
        still: only look at one batch, and take no steps on copies.
        page: write the examination as an HTML page, with pictures, to this file.
        as_json: for machines.
    """
    if steps is not None and steps < 1:
        raise BadInput(
            f"--steps {steps}: a training takes at least one step; {USUAL} are usual for a first one"
        )
    keep_memory()
    subject = open_subject(target, data=data, shape=shape_of(input), classes=classes, device=device)
    depth: Depth = "still" if still else "probe"
    asked = steps or subject.steps or USUAL
    found = look(subject.model, subject.batch, loss=subject.loss, depth=depth, steps=asked)
    if page:
        bands = healthy_bands(subject.model, subject.batch, loss=subject.loss)
        write_text(page, examination_page(subject.name, subject.words, found, bands))
    if as_json:
        print(as_text(subject.name, subject.words, found))
    else:
        show(open_screen(), subject.name, subject.words, found)
        if page:
            say(open_screen(), f"page {page}")
    return 1 if found.verdict == "does not train" else 0


def shape_of(text: str | None) -> tuple[int, int, int] | None:
    """Return channels, height and width of a text such as 3x224x224.

    Raises:
        BadInput: it is no shape.

    >>> shape_of("3x224x224")
    (3, 224, 224)
    """
    if text is None:
        return None
    sizes = text.lower().replace("×", "x").split("x")
    if len(sizes) != 3 or not all(size.isdigit() and int(size) for size in sizes):
        raise BadInput(f"--input {text}: it must be channels x height x width, such as 3x224x224")
    channels, height, width = map(int, sizes)
    return channels, height, width


def as_text(name: str, words: str, found: Examination) -> str:
    """Return an examination as JSON."""
    diagnosis = found.diagnosis
    answer = {
        "model": name,
        "batch": words,
        "steps": diagnosis.steps,
        "verdict": found.verdict,
        "probability": found.probability,
        "causes": [asdict(cause) for cause in found.causes],
        "notes": [asdict(cause) for cause in found.notes],
        "remedies": [asdict(remedy) for remedy in found.remedies],
        "features": asdict(diagnosis.features),
        "probe": [asdict(row) for row in diagnosis.probed],
        "layers": [asdict(layer) for layer in diagnosis.seen.layers],
    }
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()


def show(screen: Console, name: str, words: str, found: Examination) -> None:
    """Print an examination for a person: verdict, causes, notes, remedies."""
    say(screen, f"{name}, on {words}")
    say(
        screen,
        f"{found.verdict}; the probability that it trains in {found.diagnosis.steps:,} steps is "
        f"{100 * found.probability:.0f} %",
        f"bold {COLOURS[found.verdict]}",
    )
    for number, cause in enumerate(found.causes, start=1):
        say(screen, f"{number} {line(cause)}", indent=2)
    for note in found.notes:
        say(screen, f"note: {line(note)}", indent=2)
    if found.remedies:
        say(screen, "tried on a copy:")
        for remedy in found.remedies:
            say(screen, did(remedy), indent=2)
    elif found.causes:
        say(screen, "no treatment that was tried on a copy helps; the causes need a person")


def line(cause: Cause) -> str:
    """Return a cause as a line."""
    place = f", from {cause.layer}" if cause.layer else ""
    return f"{cause.name}{place}: {cause.evidence}"


def did(remedy: Remedy) -> str:
    """Return what a treatment did as a line."""
    return (
        f"{remedy.words}: probability {100 * remedy.before:.0f} % -> {100 * remedy.after:.0f} %, coherence "
        f"{remedy.coherence_before:.2f} -> {remedy.coherence_after:.2f}, verdict {remedy.verdict}"
    )
