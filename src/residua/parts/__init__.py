"""The parts that every network is made of: two wirings and what goes into them."""

from residua.parts.branches import Order, closing, wired
from residua.parts.chain import Chain
from residua.parts.join import Concat, Couple, Join, Sum, joins
from residua.parts.layers import Norm, activation, convolution, normalisation
from residua.parts.part import Part
from residua.parts.resample import Fitted
from residua.parts.scale import Scale, StochasticDepth
from residua.parts.shortcuts import PadChannels, Shortcut, shortcut

__all__ = [
    "Chain",
    "Concat",
    "Couple",
    "Fitted",
    "Join",
    "Norm",
    "Order",
    "PadChannels",
    "Part",
    "Scale",
    "Shortcut",
    "StochasticDepth",
    "Sum",
    "activation",
    "closing",
    "convolution",
    "joins",
    "normalisation",
    "shortcut",
    "wired",
]
