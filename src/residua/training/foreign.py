"""A network from weights that another project trained: no run and no class names."""

from pathlib import Path

from residua.data import Preprocess, open_source
from residua.errors import BadInput
from residua.nets.adapters import adapt, spec_of_weights
from residua.nets.adapters.hub import PREFIX
from residua.nets.build import build
from residua.nets.presets import PRESETS
from residua.runs import Model
from residua.training.network import short_name, spec_of
from residua.training.weights import named_network, open_weights

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def is_foreign(where: str) -> bool:
    """Return whether a user names weights without a run: a file, or a repository of the Hub."""
    return where.startswith(PREFIX) or Path(where).is_file()


def load_foreign(where: str, name: str | None, data: str | None) -> Model:
    """Return the network with weights from a file or from the Hub, its outputs named after the classes of `data`.

    Such weights say neither classes nor, mostly, preprocessing: outputs are taken to be the classes in sorted order,
    pictures are normalised as their project is known to (else by ImageNet's mean and deviation).

    Args:
        where: the weights are: a file, or hf:OWNER/REPO.
        name: of the network, or the path of a JSON file that describes it; the Hub may know it.
        data: whose classes the outputs are.

    Raises:
        BadInput: the name or the data is missing, or the number of classes is another.
        BadRun: the weights cannot be read, or do not fit the network.
    """
    if data is None:
        raise BadInput(
            f"{where} are weights without a run; give the data to evaluate them on: residua evaluate {where} DATA"
        )
    weights = open_weights(where)
    name = named_network(weights, name)
    wanted, _ = spec_of_weights(weights.state, spec_of(name))
    adapted = adapt(weights.state, wanted)
    classes = open_source(data).classes
    if len(classes) != wanted.classes:
        raise BadInput(
            f"{data} has {len(classes)} classes and these weights of {name} have {wanted.classes} outputs; "
            "they do not say which output is which, so they must be as many"
        )
    network = build(wanted)
    network.load_state_dict(dict(adapted.state))
    size = PRESETS[name].image_size if name in PRESETS else 32
    preprocess = Preprocess(
        size=size,
        resize=size if size <= 64 else round(size / 0.875),
        channels=wanted.in_channels,
        mean=weights.mean or adapted.mean or IMAGENET_MEAN,
        std=weights.std or adapted.std or IMAGENET_STD,
        read_side=2 * size,
    )
    return Model(
        name=short_name(name),
        network=network.eval(),
        classes=classes,
        preprocess=preprocess,
        licence=weights.licence,
    )
