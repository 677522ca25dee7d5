"""The thinnest member of every preset's family: what a test can train and export in seconds.

The builder and every option are the preset's own. A stage keeps two blocks, one that changes the shape and
one that does not; channels, hidden units and classes are as few as the options allow.
"""

from typing import assert_never

from msgspec.structs import replace

from residua.nets.presets import PRESETS
from residua.nets.spec import (
    DenseNetSpec,
    FastSpec,
    PlainSpec,
    ResNetSpec,
    ReversibleSpec,
    Spec,
    TiramisuSpec,
    UNetSpec,
)

CLASSES = 3


def slim(spec: Spec) -> Spec:
    """Return the thinnest spec that goes through the same lines of the same builder."""
    match spec:
        case PlainSpec():
            widths = tuple((8 * 2**stage,) * min(len(of), 2) for stage, of in enumerate(spec.widths))
            return replace(spec, widths=widths, hidden=32, dropout=0.0, classes=CLASSES)
        case ResNetSpec():
            return slim_resnet(spec)
        case DenseNetSpec():
            depths = (2,) * len(spec.depths)
            return replace(spec, depths=depths, growth=4, stem_width=8, classes=CLASSES)
        case ReversibleSpec():
            return replace(spec, depths=(2, 2, 2), widths=(2, 4, 8), stem_width=4, classes=CLASSES)
        case FastSpec():
            return replace(spec, depths=(2, 2, 2), widths=(4, 8, 16), stem_width=4, classes=CLASSES)
        case UNetSpec(encoder=None):
            return replace(spec, widths=tuple(4 * 2**level for level in range(len(spec.widths))))
        case UNetSpec():
            widths = tuple(4 * 2**level for level in reversed(range(len(spec.widths))))
            assert spec.encoder is not None
            return replace(spec, widths=widths, encoder=slim_resnet(spec.encoder))
        case TiramisuSpec():
            depths = (2,) * len(spec.depths)
            return replace(spec, depths=depths, growth=4, stem_width=8, dropout=0.0, classes=CLASSES)
        case _:
            assert_never(spec)


def slim_resnet(spec: ResNetSpec) -> ResNetSpec:
    first = max(4, spec.groups // 2)  # the middle of a bottleneck, `widen` times this, falls into groups
    widths = tuple(first * 2**stage for stage in range(len(spec.widths)))
    return replace(spec, depths=(2,) * len(widths), widths=widths, stem_width=4, classes=CLASSES)


MEMBERS: dict[str, Spec] = {}  # the first preset of each family stands for it
for name, preset in PRESETS.items():
    if slim(preset.spec) not in MEMBERS.values():
        MEMBERS[name] = slim(preset.spec)
