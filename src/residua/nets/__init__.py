"""Networks: a spec says what, `build` makes it, and one literal table names the known ones.

This file imports nothing, so that names and counts can be listed without loading PyTorch.
"""
