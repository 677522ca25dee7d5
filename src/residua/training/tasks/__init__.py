"""What a training is for: one class of each picture, or one of each pixel."""

from residua.training.tasks.classification import Classification
from residua.training.tasks.opening import open_task, reopen_task
from residua.training.tasks.segmentation import Segmentation
from residua.training.tasks.task import Choices, Task, TrainingBatches, Validation
from residua.training.tasks.usual import decide, usual_batch

__all__ = [
    "Choices",
    "Classification",
    "Segmentation",
    "Task",
    "TrainingBatches",
    "Validation",
    "decide",
    "open_task",
    "reopen_task",
    "usual_batch",
]
