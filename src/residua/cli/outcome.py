"""What train and resume print at their end."""

import msgspec
from rich.console import Console
from rich.text import Text

from residua.data.listing import amount
from residua.objective import Scores
from residua.report import write as write_report
from residua.runs import Run
from residua.training import Evaluation, MaskEvaluation


def close(screen: Console, run: Run, evaluation: Evaluation | MaskEvaluation, *, as_json: bool) -> None:
    """Write the report and say how good the network is, where everything lies, and what to try next."""
    report = write_report(run.folder)
    told = {"run": str(run.folder), "report": str(report), "split": evaluation.split}
    if as_json:
        print(msgspec.json.encode(told | numbers(evaluation)).decode())
        return
    score, over = in_words(evaluation)
    screen.print(Text(f"{evaluation.split} {score}", style="bold"), f"({over})")
    screen.print(f"report  {report}", soft_wrap=True)
    screen.print(f"next    residua predict {run.folder} FILE...", soft_wrap=True)
    screen.print(f"        residua evaluate {run.folder} DATA", soft_wrap=True)


def numbers(evaluation: Evaluation | MaskEvaluation) -> dict[str, object]:
    """Return what a program is told of how good the network is."""
    scores = evaluation.scores
    if isinstance(scores, Scores):
        return {"samples": scores.samples, "top1": scores.top1, "loss": scores.loss}
    return {
        "samples": scores.samples,
        "mean_iou": scores.mean_iou,
        "pixel_accuracy": scores.pixel_accuracy,
        "loss": scores.loss,
    }


def in_words(evaluation: Evaluation | MaskEvaluation) -> tuple[str, str]:
    """Return how good the network is, and what that is over."""
    scores = evaluation.scores
    pictures = amount(scores.samples, "picture")
    if isinstance(scores, Scores):
        return f"accuracy {scores.top1:.2%}", f"{round(scores.top1 * scores.samples):,} of {pictures}"
    said = f"pixel accuracy {scores.pixel_accuracy:.2%}, {pictures} at their own size"
    return f"mean IoU {scores.mean_iou:.4f}", said
