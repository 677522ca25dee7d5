"""Data too large for one folder: tar shards, here or at any URL that fsspec reads."""

from residua.data.shards.index import Index
from residua.data.shards.opening import hold_masks, is_sharded, open_shards
from residua.data.shards.pictures import ShardPictures
from residua.data.shards.store import is_url
from residua.data.shards.writing import write_shards

__all__ = ["Index", "ShardPictures", "hold_masks", "is_sharded", "is_url", "open_shards", "write_shards"]
