"""What a training leaves behind: a folder that opens anywhere."""

from residua.runs.environment import describe_environment
from residua.runs.folder import Run, locked, new_run, open_run, read_json, refuse_taken, write_json
from residua.runs.model import Model, ModelCard, load_model, save_model
from residua.runs.rows import EpochRow, EventRow, Row, StepRow, append_row, keep_rows, read_rows

__all__ = [
    "EpochRow",
    "EventRow",
    "Model",
    "ModelCard",
    "Row",
    "Run",
    "StepRow",
    "append_row",
    "describe_environment",
    "keep_rows",
    "load_model",
    "locked",
    "new_run",
    "open_run",
    "read_json",
    "read_rows",
    "refuse_taken",
    "save_model",
    "write_json",
]
