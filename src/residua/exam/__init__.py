"""The exam: whether a network will train, why not, and what would help, before the hours are spent.

It works on any PyTorch model. Three depths of looking: `examine(..., depth="still")` takes one batch forward and
backward, `depth="probe"` also steps on copies, and `watch` hangs on a training while it runs. `heal` returns
a treated copy. The model that is given is left exactly as it was.

From the model to the answer, one file a step:

calling        the model and the loss called for the first time: what they cannot take is refused in a sentence
observe        one look with the instruments of `residua.look`: an `Observation`, numbers only; inventory is what a
               model and its optimiser are made of, asking what a loss is, squashing what closes a model
first_step     how much one step learns, for observe; level holds its answers against the best that looks at nothing
shortest       the shortest way through the network, for observe
probe          real steps on copies, at several learning rates; trial is one of them
features       the few numbers that say most
rules/         what may be wrong, one rule a fault, in seven files by where it lies
verdict        from features and causes to a probability
treatments/    what may be done about each cause, each changing a copy
heal           try treatments, keep what helps
watch          what shows while a training runs; arrivals tells gradients that came from those that were left
bands          what healthy copies of this very network show, layer by layer
"""

from residua.exam.bands import Bands, Depths, depths, healthy_bands
from residua.exam.cause import Cause
from residua.exam.diagnose import Depth, Diagnosis, diagnose
from residua.exam.examine import Examination, examine
from residua.exam.features import Features, features
from residua.exam.heal import Healed, Remedy, heal
from residua.exam.observation import Observation
from residua.exam.observe import observe
from residua.exam.probe import probe
from residua.exam.trial import ProbeRow
from residua.exam.verdict import Verdict
from residua.exam.watching import Watch, watch

__all__ = [
    "Bands",
    "Cause",
    "Depth",
    "Depths",
    "Diagnosis",
    "Examination",
    "Features",
    "Healed",
    "Observation",
    "ProbeRow",
    "Remedy",
    "Verdict",
    "Watch",
    "depths",
    "diagnose",
    "examine",
    "features",
    "heal",
    "healthy_bands",
    "observe",
    "probe",
    "watch",
]
