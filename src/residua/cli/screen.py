"""How the verbs print: names as they are, and sentences that can be searched."""

import os

from rich.console import Console
from rich.padding import Padding
from rich.text import Text


def open_screen(*, stderr: bool = False, anyway: bool = False) -> Console:
    """Return a console that prints text as it is.

    A class may be called "[red]" or ":cat:", and a picture "3.1.png": nothing in a name is a colour, a picture or a
    number to highlight. What should look different is given a style.

    Args:
        stderr: print there.
        anyway: print also in a process that is not the one that does; what went wrong in it alone must be heard.
    """
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, quiet=not (anyway or speaks()))


def speaks() -> bool:
    """Return whether this process is the one that prints: the first, of those that torchrun has started."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK", "0") == "0"


def say(screen: Console, sentence: str, style: str = "", *, indent: int = 0) -> None:
    """Print a sentence: broken between words on a terminal, whole in a log."""
    if screen.is_terminal:
        screen.print(Padding(Text(sentence, style), (0, 0, 0, indent)))
    else:
        screen.print(" " * indent + sentence, style=style or None, soft_wrap=True)
