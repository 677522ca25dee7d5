"""The network of a recipe: what was asked for, refused where it cannot do the task, fitted to the data."""

from pathlib import Path

import msgspec

from residua.data import Source
from residua.errors import BadInput
from residua.files import NOT_JSON, reason
from residua.nets.build import resized
from residua.nets.network import refuse_misfit
from residua.nets.presets import spec as spec_named
from residua.nets.spec import ResNetSpec, Segmenting, Spec, UNetSpec
from residua.training.recipe import Recipe

SUFFIX = ".json"
CARD = "model.json"
LEAST_SIDE = 8


def spec_of(model: str) -> Spec:
    """Return the spec of a network by its name, or from a JSON file: a spec alone, or a run's `model.json`.

    Raises:
        UnknownName: no preset of that name.
        BadInput: the file cannot be read, or describes no network.
    """
    if not model.endswith(SUFFIX):
        return spec_named(model)
    try:
        written = msgspec.json.decode(Path(model).read_bytes(), type=dict)
        found: Spec = msgspec.convert(written.get("spec", written), Spec)
    except OSError as error:
        raise BadInput(f"--model {model} cannot be read: {reason(error)}") from error
    except NOT_JSON as error:
        raise BadInput(
            f"--model {model} describes no network: {error}; it must hold a spec as JSON, as `model.json` of a run does"
        ) from error
    return found


def short_name(model: str) -> str:
    """Return what a network is called: its name, or that of its file or of its run.

    >>> short_name("resnet18"), short_name("nets/mine.json"), short_name("runs/photos/model.json")
    ('resnet18', 'mine', 'photos')
    """
    path = Path(model)
    if path.name == CARD:
        return path.parent.name
    return path.stem if model.endswith(SUFFIX) else model


def classifying_spec(model: str, *, stochastic_depth: float | None, zero_init: bool | None) -> Spec:
    """Return the spec of a classifier with these two settings; None leaves the spec's own.

    Raises:
        UnknownName: no preset of that name.
        BadInput: it is no classifier, or it has no residual blocks and needs them.
        BadSpec: the settings do not fit it.
    """
    spec = spec_of(model)
    if isinstance(spec, Segmenting):
        raise BadInput(
            f"{model} gives a class for every pixel; for one class a picture take resnet18 or another"
        )
    if not stochastic_depth and not zero_init:
        return spec
    if not isinstance(spec, ResNetSpec) or spec.join == "none":
        raise BadInput(f"--stochastic-depth and --zero-init are of residual blocks; {model} has none")
    return msgspec.structs.replace(
        spec,
        stochastic_depth=stochastic_depth or spec.stochastic_depth,
        zero_init=zero_init or spec.zero_init,
    )


def segmenting_spec(
    model: str,
    *,
    stochastic_depth: float | None,
    zero_init: bool | None,
    classes: int | None = None,
    in_channels: int | None = None,
) -> Spec:
    """Return the spec of a network that gives a class for every pixel, for so many classes and channels.

    Raises:
        UnknownName: no preset of that name.
        BadInput: it gives one class a picture, or has no residual encoder and needs one.
        BadSpec: the settings do not fit it.
    """
    spec = spec_of(model)
    if not isinstance(spec, Segmenting):
        raise BadInput(
            f"{model} gives one class a picture; for a class of every pixel take unet_resnet18 or another "
            "(residua models '*unet*')"
        )
    if stochastic_depth or zero_init:
        encoder = spec.encoder if isinstance(spec, UNetSpec) else None
        if not isinstance(spec, UNetSpec) or encoder is None or encoder.join == "none":
            raise BadInput(
                f"--stochastic-depth and --zero-init are of residual encoders; {model} has none. "
                "Take unet_resnet18 or another, or leave them out"
            )
        encoder = msgspec.structs.replace(
            encoder,
            stochastic_depth=stochastic_depth or encoder.stochastic_depth,
            zero_init=zero_init or encoder.zero_init,
        )
        spec = msgspec.structs.replace(spec, encoder=encoder)
    return resized(spec, classes=classes, in_channels=in_channels)


def fitted_spec(recipe: Recipe, source: Source) -> Spec:
    """Return the spec of a recipe's network for the classes and the pictures of a source.

    Raises:
        BadInput: it is no classifier, a setting does not fit it, or the pictures are too small.
    """
    spec = classifying_spec(
        recipe.model, stochastic_depth=recipe.stochastic_depth, zero_init=recipe.zero_init
    )
    spec = resized(spec, classes=len(source.classes), in_channels=source.channels)
    for side in (early_side(recipe), recipe.image_size):
        refuse_misfit(spec, channels=source.channels, size=(side, side))
    return spec


def early_side(recipe: Recipe) -> int:
    """Return the side in pixels at which pictures are seen in the early epochs; below 8 there is little to see.

    Args:
        recipe: of a classifier.
    """
    return max(round(recipe.early_size * recipe.image_size), min(recipe.image_size, LEAST_SIDE))
