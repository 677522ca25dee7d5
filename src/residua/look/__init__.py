"""Instruments: a model and a batch in, frozen rows out; the model is left as it was.

On any model:

signal              how large the signal is after each part
gradient_norms      how large the gradient is at each part
representation      what is left after each part of the differences between samples
coherence           whether the gradient survives a tiny step along itself
line_gradients      the derivative along a line of inputs; autocorrelation says whether it is shattered
gradient_correlation, switching     what the gradients of two inputs share, and why
delete_each         what is left when each part is taken out; also delete_some
grad_cam            where in a picture a class is seen
saved_bytes         how much memory a batch keeps until its gradient is computed
filter_normalised   a direction through the weights, for slice_along, surface, roughness and local_minima

On models made of parts:

identity_share      how much of the gradient comes by the shortcuts
route_sum           that the gradients of all routes add up to the gradient
gradient_by_length  how much of it comes by routes of each length
leg_sizes           how much each branch changes what its shortcut carries
reuse               what each layer of a dense block reads of those before it
swap                what it costs that blocks change places

To build more: `rewired` puts wrappers on parts for a while (Silent, Bypassed, NoGradient, Scaled, Recorded,
Recomputed), `visit` takes a measure of your own of what leaves each part, `backward` gives the gradients of parts
and parameters from one pass, `answer`, `each` and `on_heads` read what models with several heads give, and
`untouched` keeps the promise of every instrument for code of your own.
"""

from residua.look.answers import answer, each, on_heads
from residua.look.attention import grad_cam
from residua.look.examples import Examples, Loss
from residua.look.gradients import Backward, Coherence, GradientRow, backward, coherence, gradient_norms
from residua.look.identity import IdentityRow, identity_share
from residua.look.landscape import (
    Direction,
    filter_normalised,
    local_minima,
    roughness,
    slice_along,
    surface,
)
from residua.look.legs import LegRow, leg_sizes
from residua.look.lesion import LesionRow, Score, SwapRow, delete_each, delete_some, swap
from residua.look.paths import PathRow, RouteSum, gradient_by_length, route_sum
from residua.look.representation import RepresentationRow, comparing, representation
from residua.look.reuse import ReuseRow, reuse
from residua.look.rewire import Wrapper, rewired
from residua.look.saved import saved_bytes
from residua.look.shatter import (
    Switching,
    autocorrelation,
    brown_noise,
    gradient_correlation,
    line_gradients,
    switching,
    white_noise,
)
from residua.look.signal import Signal, mean_square, signal, signal_row
from residua.look.untouched import buffers_kept, seeded, untouched
from residua.look.visit import visit
from residua.look.wrappers import Bypassed, NoGradient, Recomputed, Recorded, Scaled, Silent

__all__ = [
    "Backward",
    "Bypassed",
    "Coherence",
    "Direction",
    "Examples",
    "GradientRow",
    "IdentityRow",
    "LegRow",
    "LesionRow",
    "Loss",
    "NoGradient",
    "PathRow",
    "Recomputed",
    "Recorded",
    "RepresentationRow",
    "ReuseRow",
    "RouteSum",
    "Scaled",
    "Score",
    "Signal",
    "Silent",
    "SwapRow",
    "Switching",
    "Wrapper",
    "answer",
    "autocorrelation",
    "backward",
    "brown_noise",
    "buffers_kept",
    "coherence",
    "comparing",
    "delete_each",
    "delete_some",
    "each",
    "filter_normalised",
    "grad_cam",
    "gradient_by_length",
    "gradient_correlation",
    "gradient_norms",
    "identity_share",
    "leg_sizes",
    "line_gradients",
    "local_minima",
    "mean_square",
    "on_heads",
    "representation",
    "reuse",
    "rewired",
    "roughness",
    "route_sum",
    "saved_bytes",
    "seeded",
    "signal",
    "signal_row",
    "slice_along",
    "surface",
    "swap",
    "switching",
    "untouched",
    "visit",
    "white_noise",
]
