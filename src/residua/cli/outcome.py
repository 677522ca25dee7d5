"""What train and resume print at their end."""

import msgspec
from rich.console import Console
from rich.text import Text

from residua.data.listing import amount
from residua.report import write as write_report
from residua.runs import Run
from residua.training import Evaluation


def close(screen: Console, run: Run, evaluation: Evaluation, *, as_json: bool) -> None:
    """Write the report and say how good the network is, where everything lies, and what to try next."""
    report = write_report(run.folder)
    scores = evaluation.scores
    if as_json:
        found = {
            "run": str(run.folder),
            "report": str(report),
            "split": evaluation.split,
            "samples": scores.samples,
            "top1": scores.top1,
            "loss": scores.loss,
        }
        print(msgspec.json.encode(found).decode())
        return
    right = round(scores.top1 * scores.samples)
    accuracy = Text(f"{evaluation.split} accuracy {scores.top1:.2%}", style="bold")
    screen.print(accuracy, f"({right:,} of {amount(scores.samples, 'picture')})")
    screen.print(f"report  {report}", soft_wrap=True)
    screen.print(f"next    residua predict {run.folder} FILE...", soft_wrap=True)
    screen.print(f"        residua evaluate {run.folder} DATA", soft_wrap=True)
