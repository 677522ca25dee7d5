"""What train and resume print at their end."""

import msgspec
from rich.console import Console

from residua.report import write as write_report
from residua.runs import Run
from residua.training import Evaluation


def close(console: Console, run: Run, evaluation: Evaluation, *, as_json: bool) -> None:
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
    console.print(
        f"[bold]{evaluation.split} accuracy {scores.top1:.2%}[/] ({right:,} of {scores.samples:,} pictures)"
    )
    console.print(f"report  {report}", markup=False, soft_wrap=True)
    console.print(f"next    residua predict {run.folder} FILE...", markup=False, soft_wrap=True)
    console.print(f"        residua evaluate {run.folder} DATA", markup=False, soft_wrap=True)
