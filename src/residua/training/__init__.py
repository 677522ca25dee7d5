"""From a recipe and pictures to a trained network, and what that network says of other pictures."""

from residua.training.evaluate import Evaluation, evaluate_split
from residua.training.job import resume, train
from residua.training.mask_evaluation import MaskEvaluation, evaluate_mask_split
from residua.training.mask_prediction import MaskPrediction
from residua.training.predict import Prediction, predict
from residua.training.recipe import Recipe, Settings
from residua.training.scoring import evaluate, evaluate_run

__all__ = [
    "Evaluation",
    "MaskEvaluation",
    "MaskPrediction",
    "Prediction",
    "Recipe",
    "Settings",
    "evaluate",
    "evaluate_mask_split",
    "evaluate_run",
    "evaluate_split",
    "predict",
    "resume",
    "train",
]
