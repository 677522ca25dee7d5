"""`residua`: the verbs, and what happens to a mistake.

Verbs are loaded when they are used: listing them loads no PyTorch.
"""

import signal
import sys

import cyclopts

from residua.cli.numbers import exactly
from residua.cli.screen import open_screen, say
from residua.errors import Interrupted, ResiduaError, SaidElsewhere, is_shortage

WRONG_USE = 2
INTERRUPTED = 128 + signal.SIGINT
LESS_MEMORY = "what takes it are the pictures at once (--batch-size), their size, and the size of the network"

app = cyclopts.App(
    name="residua",
    help="Build residual networks, train them on your own images, and see why they train.",
    help_epilogue="Begin with `residua train digits`, then `residua train FOLDER` on your own pictures.",
    version_flags=["--version"],
    default_parameter=cyclopts.Parameter(converter=exactly),
)
app.command(
    "residua.cli.examine:examine", name="examine", help="Say whether a network will train, and why not."
)
app.command("residua.cli.train:train", name="train", help="Train a classifier on a folder of photos.")
app.command("residua.cli.resume:resume", name="resume", help="Go on with a run that was stopped.")
app.command("residua.cli.evaluate:evaluate", name="evaluate", help="Score a trained network on pictures.")
app.command("residua.cli.predict:predict", name="predict", help="Say what is in single pictures.")
app.command(
    "residua.cli.export:export", name="export", help="Write a network for other programs, and check it."
)
app.command("residua.cli.slim:slim", name="slim", help="Take out the blocks that matter least.")
app.command("residua.cli.serve:serve", name="serve", help="Answer over HTTP, with a page to try it on.")
app.command("residua.cli.check:check", name="check", help="Look for what is wrong with a set of pictures.")
app.command("residua.cli.shard:shard", name="shard", help="Write pictures as tar shards.")
app.command("residua.cli.models:models", name="models", help="List the networks.")
app.command("residua.cli.lab:lab", name="lab", help="Measure the claims about residual networks.")


def main() -> None:
    """Run the command line; a user's mistake is a sentence, not a traceback.

    Exit codes: 0 done, 1 the answer is no, 2 wrong use, 130 interrupted.
    """
    errors = open_screen(stderr=True, anyway=True)
    try:
        code = app(exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as error:
        say(errors, f"residua: {error}", "bold")
        say(errors, "`residua --help` lists the verbs, `residua VERB --help` their options")
        sys.exit(WRONG_USE)
    except SaidElsewhere:
        sys.exit(WRONG_USE)
    except Interrupted as error:
        say(errors, f"residua: {error}")
        sys.exit(INTERRUPTED)
    except ResiduaError as error:
        say(errors, f"residua: {error}", "bold")
        sys.exit(WRONG_USE)
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        say(
            errors,
            f"residua: there is not enough memory for this ({type(error).__name__}); {LESS_MEMORY}",
            "bold",
        )
        sys.exit(WRONG_USE)
    except KeyboardInterrupt:
        say(errors, "residua: stopped")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of our output, `head` say, has enough
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code or 0)
