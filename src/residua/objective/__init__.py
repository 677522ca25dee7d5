"""What is minimised, and what is measured."""

from residua.objective.classify import balanced_weights, cross_entropy
from residua.objective.mask_scores import (
    MaskClassScore,
    MaskCounts,
    MaskScores,
    count_pixels,
    mask_scores,
)
from residua.objective.pixel_losses import (
    boundary_loss,
    dice_loss,
    focal_loss,
    frequency_weights,
    pixel_cross_entropy,
)
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
    "MaskClassScore",
    "MaskCounts",
    "MaskScores",
    "Scores",
    "balanced_weights",
    "boundary_loss",
    "boundary_overlap",
    "boundary_width",
    "count_pixels",
    "cross_entropy",
    "dice_loss",
    "focal_loss",
    "frequency_weights",
    "mask_scores",
    "pixel_confusion",
    "pixel_cross_entropy",
    "ratios",
    "region_overlap",
    "score",
]
