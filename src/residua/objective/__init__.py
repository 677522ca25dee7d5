"""What is minimised, and what is measured."""

from residua.objective.classify import balanced_weights, cross_entropy
from residua.objective.scores import Bin, ClassScore, Scores, score
from residua.objective.segment import (
    boundary_overlap,
    boundary_width,
    pixel_confusion,
    ratios,
    region_overlap,
)

__all__ = [
    "Bin",
    "ClassScore",
    "Scores",
    "balanced_weights",
    "boundary_overlap",
    "boundary_width",
    "cross_entropy",
    "pixel_confusion",
    "ratios",
    "region_overlap",
    "score",
]
