"""Names are printed as they are, and sentences can be read and searched."""

from io import StringIO

from rich.console import Console
from rich.table import Table

from residua.cli import screen


def printing(*, terminal: bool) -> tuple[Console, StringIO]:
    """Return a console of 30 columns as `open_screen` makes it, and what it writes to."""
    out = StringIO()
    console = screen.open_screen()
    console.file, console.width, console._force_terminal = out, 30, terminal
    return console, out


def test_a_name_is_neither_a_colour_nor_a_picture() -> None:
    console, out = printing(terminal=False)
    table = Table("[red]Ünï", title=":cat:")
    table.add_row("[bold]x[/]")
    console.print("[/] :dog: [blue]", table)
    assert all(name in out.getvalue() for name in ("[/] :dog: [blue]", "[red]Ünï", ":cat:", "[bold]x[/]"))


def test_a_sentence_is_whole_in_a_log_and_broken_between_words_on_a_terminal() -> None:
    sentence = "go on with this run by `residua resume`"
    console, out = printing(terminal=False)
    screen.say(console, sentence, indent=2)
    assert out.getvalue() == f"  {sentence}\n"
    console, out = printing(terminal=True)
    screen.say(console, sentence, indent=2)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines == ["  go on with this run by", "  `residua resume`"]
