"""What may be done about each cause: one literal table from its name to treatments."""

from collections.abc import Mapping
from typing import Final

from residua.exam.treatments.norms import add_norms
from residua.exam.treatments.patient import Treatment
from residua.exam.treatments.repairs import (
    adopt,
    drop_probabilities,
    drop_rectifier,
    follow_faster,
    forget_statistics,
    give_new_values,
    go_down,
    group_norms,
    lower_rate,
    raise_rate,
    scale_targets,
    standardise,
    thaw,
    train_mode,
    usual_settings,
)
from residua.exam.treatments.rescale import rescale
from residua.exam.treatments.shortcuts import add_shortcuts
from residua.exam.treatments.traced import add_traced_shortcuts

TREATMENTS: Final[Mapping[str, tuple[Treatment, ...]]] = {
    "answers pass a ReLU": (drop_rectifier,),
    "batch too small for its norm": (group_norms,),
    "dead units": (rescale,),
    "everything is frozen": (thaw,),
    "frozen layers were never trained": (thaw,),
    "gradient explodes": (add_shortcuts, add_traced_shortcuts, rescale, add_norms),
    "gradient shatters": (add_shortcuts, add_traced_shortcuts),
    "gradient vanishes": (add_shortcuts, add_traced_shortcuts, rescale, add_norms),
    "in-place layer rewrites a shortcut": (give_new_values,),
    "inputs are not normalised": (standardise,),
    "learning rate is zero": (raise_rate,),
    "learning rate too high": (lower_rate,),
    "learning rate too low": (raise_rate,),
    "momentum out of range": (usual_settings,),
    "norm in evaluation mode": (train_mode,),
    "optimiser climbs": (go_down,),
    "optimiser misses parameters": (adopt,),
    "running statistics broken": (forget_statistics,),
    "running statistics follow slowly": (follow_faster,),
    "samples collapse": (add_shortcuts, add_traced_shortcuts, rescale, add_norms),
    "saturated units": (rescale, add_norms),
    "sigmoid before a loss that applies a softmax": (drop_probabilities,),
    "sigmoid before a loss that applies one": (drop_probabilities,),
    "signal dies": (add_shortcuts, add_traced_shortcuts, rescale, add_norms),
    "signal explodes": (rescale, add_norms),
    "softmax before a loss that applies a sigmoid": (drop_probabilities,),
    "softmax before a loss that applies one": (drop_probabilities,),
    "steps lead nowhere": (rescale, add_norms, add_shortcuts, add_traced_shortcuts),
    "targets are not scaled": (scale_targets,),
    "train and evaluation differ": (forget_statistics,),
    "units begin alike": (rescale,),
    "weight decay swallows the weights": (usual_settings,),
    "weights stay zero": (rescale,),
}
