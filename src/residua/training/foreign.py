"""A network from weights that another project trained: no run, no class names, only a file."""

from pathlib import Path

from residua.data import Preprocess, open_source
from residua.errors import BadInput
from residua.nets.adapters import adapt, read_weights
from residua.nets.build import build
from residua.nets.presets import PRESETS
from residua.runs import Model
from residua.training.network import short_name, spec_of

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_foreign(path: Path, name: str | None, data: str | None) -> Model:
    """Return the network of that name with the weights in a file, its outputs named after the classes of `data`.

    The file says neither classes nor preprocessing: outputs are taken to be the classes in sorted order, pictures
    are normalised as the project is known to (else by ImageNet's mean and deviation).

    Args:
        path: of the weights.
        name: of the network, or the path of a JSON file that describes it.
        data: whose classes the outputs are.

    Raises:
        BadInput: the name or the data is missing, or the number of classes is another.
        BadRun: the weights do not fit the network.
    """
    if name is None:
        raise BadInput(f"{path} is a file of weights; say whose with --model, such as --model resnet20_cifar")
    if data is None:
        raise BadInput(
            f"{path} is a file of weights; give the data to evaluate it on: residua evaluate {path} DATA"
        )
    wanted = spec_of(name)
    adapted = adapt(read_weights(path), wanted)
    classes = open_source(data).classes
    if len(classes) != wanted.classes:
        raise BadInput(
            f"{data} has {len(classes)} classes and {name} has {wanted.classes} outputs; "
            "a file of weights does not say which output is which, so they must be as many"
        )
    network = build(wanted)
    network.load_state_dict(dict(adapted.state))
    size = PRESETS[name].image_size if name in PRESETS else 32
    preprocess = Preprocess(
        size=size,
        resize=size if size <= 64 else round(size / 0.875),
        channels=wanted.in_channels,
        mean=adapted.mean or IMAGENET_MEAN,
        std=adapted.std or IMAGENET_STD,
        read_side=2 * size,
    )
    return Model(name=short_name(name), network=network.eval(), classes=classes, preprocess=preprocess)
