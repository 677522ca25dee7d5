"""Pictures with masks: where they are, what their masks mean, and how both become batches."""

from residua.data.masks.augment import MaskAugment
from residua.data.masks.batches import MaskBatch, MaskBatches
from residua.data.masks.check import MaskCheckReport, check_masks
from residua.data.masks.description import MaskDescription, describe_masks, reopen_masks
from residua.data.masks.encoding import ClassMap, MaskEncoding
from residua.data.masks.loading import load_mask_split, load_masks
from residua.data.masks.naming import names_from, value_of, values_from
from residua.data.masks.one_split import open_mask_split
from residua.data.masks.opening import SCENES, open_masks
from residua.data.masks.preprocess import MaskPreprocess
from residua.data.masks.rasters import Raster, full_scale, read_raster, read_raster_header
from residua.data.masks.source import MaskSource, unusable
from residua.data.masks.split import Masked, MaskSplit

__all__ = [
    "SCENES",
    "ClassMap",
    "MaskAugment",
    "MaskBatch",
    "MaskBatches",
    "MaskCheckReport",
    "MaskDescription",
    "MaskEncoding",
    "MaskPreprocess",
    "MaskSource",
    "MaskSplit",
    "Masked",
    "Raster",
    "check_masks",
    "describe_masks",
    "full_scale",
    "load_mask_split",
    "load_masks",
    "names_from",
    "open_mask_split",
    "open_masks",
    "read_raster",
    "read_raster_header",
    "reopen_masks",
    "unusable",
    "value_of",
    "values_from",
]
