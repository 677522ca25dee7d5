"""Pictures in: where they are, how they are read, and how they become batches."""

from residua.data.augment import Augment
from residua.data.balance import unbalanced
from residua.data.batches import Batch, Batches
from residua.data.batching import Batching
from residua.data.check import CheckReport, check
from residua.data.description import Description, describe, reopen
from residua.data.growing import Growing
from residua.data.loading import load, load_split
from residua.data.memory import memory_limit
from residua.data.one_split import open_split
from residua.data.opening import is_mask_data, open_data
from residua.data.pictures import Picture, decode_picture, read_picture
from residua.data.preprocess import Preprocess
from residua.data.refusals import UnreadablePicture
from residua.data.scenes import Scenes, scenes
from residua.data.share import WHOLE, Share
from residua.data.source import BadFile, Source, open_source, unreadable
from residua.data.split import Split
from residua.data.walking import SUFFIXES as PICTURE_SUFFIXES
from residua.data.workers import UnreadableBatch

__all__ = [
    "PICTURE_SUFFIXES",
    "WHOLE",
    "Augment",
    "BadFile",
    "Batch",
    "Batches",
    "Batching",
    "CheckReport",
    "Description",
    "Growing",
    "Picture",
    "Preprocess",
    "Scenes",
    "Share",
    "Source",
    "Split",
    "UnreadableBatch",
    "UnreadablePicture",
    "check",
    "decode_picture",
    "describe",
    "is_mask_data",
    "load",
    "load_split",
    "memory_limit",
    "open_data",
    "open_source",
    "open_split",
    "read_picture",
    "reopen",
    "scenes",
    "unbalanced",
    "unreadable",
]
