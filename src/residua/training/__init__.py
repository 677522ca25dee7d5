"""From a recipe and pictures to a trained network, and what that network says of other pictures."""

from residua.training.evaluate import Evaluation, evaluate, evaluate_split
from residua.training.job import resume, train
from residua.training.predict import Prediction, predict
from residua.training.recipe import Recipe, Settings

__all__ = [
    "Evaluation",
    "Prediction",
    "Recipe",
    "Settings",
    "evaluate",
    "evaluate_split",
    "predict",
    "resume",
    "train",
]
