"""Pictures with masks in shards: their index, how they are read, and how they are written."""

from residua.data.masks.shards.opening import look_into_shards
from residua.data.masks.shards.pairs import ShardPairs
from residua.data.masks.shards.writing import write_mask_shards

__all__ = ["ShardPairs", "look_into_shards", "write_mask_shards"]
