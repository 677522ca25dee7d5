"""What is minimised, and what is measured."""

from residua.objective.classify import balanced_weights, cross_entropy
from residua.objective.scores import Bin, ClassScore, Scores, score

__all__ = ["Bin", "ClassScore", "Scores", "balanced_weights", "cross_entropy", "score"]
