"""Weights from the Hugging Face Hub: fetched once, kept in its own cache, read without running anything."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import msgspec

from residua.errors import BadInput, BadRun, MissingExtra
from residua.files import NOT_JSON

PREFIX: Final = "hf:"
NAMES: Final = ("model.safetensors", "pytorch_model.bin")  # the safe form first
CONFIG: Final = "config.json"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a repository holds, on this disk.

    Attributes:
        path: of the weights.
        architecture: that its `config.json` names, as timm's do.
        mean: subtracted from each channel of a picture in [0, 1], if it says so.
        std: that each channel is divided by.
        licence: of the weights, if it says so.
    """

    path: Path
    architecture: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    licence: str | None = None


def fetch(name: str, *, endpoint: str | None = None) -> Fetched:
    """Return the weights of a repository such as "hf:timm/resnet50.a1_in1k", from the cache if they are there.

    Args:
        name: "hf:OWNER/REPO", with "@REVISION" after it for another than the newest.
        endpoint: of a mirror; the Hub if not given.

    Raises:
        MissingExtra: huggingface_hub is not installed.
        BadInput: that is no name of a repository.
        BadRun: there is no such repository, it holds no weights, or it is not in the cache and there is no network.
    """
    path = next((found for file in NAMES if (found := one_file(name, file, endpoint))), None)
    if path is None:
        raise BadRun(f"{name} holds neither {NAMES[0]} nor {NAMES[1]}, so it has no weights to begin with")
    config = one_file(name, CONFIG, endpoint)
    try:
        said = msgspec.json.decode(config.read_bytes(), type=_Config) if config else _Config()
    except NOT_JSON as error:
        raise BadRun(
            f"{CONFIG} of {name} cannot be read: {error}; take the weights alone, as a file"
        ) from error
    pretrained = said.pretrained_cfg or _Pretrained()
    return Fetched(
        path=path,
        architecture=said.architecture,
        mean=pretrained.mean or None,
        std=pretrained.std or None,
        licence=pretrained.license,
    )


class _Pretrained(msgspec.Struct):
    """What timm writes of the pictures that a network was trained on."""

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    license: str | None = None


class _Config(msgspec.Struct):
    """What is read of the configuration of a repository."""

    architecture: str | None = None
    pretrained_cfg: _Pretrained | None = None


def one_file(name: str, file: str, endpoint: str | None) -> Path | None:
    """Return the path of one file of a repository in the cache, or None if the repository has no such file."""
    try:
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
        from huggingface_hub.errors import (
            EntryNotFoundError,
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
        from huggingface_hub.utils import logging
    except ImportError as error:
        raise MissingExtra(f"{name} needs huggingface_hub: pip install 'residua[hub]'") from error
    repository, _, revision = name.removeprefix(PREFIX).partition("@")
    if repository.count("/") != 1:
        raise BadInput(f"{name} is no repository; it is hf:OWNER/REPO, such as hf:timm/resnet50.a1_in1k")
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # it says of every attempt that there is no network; once is enough
    try:
        cached = try_to_load_from_cache(repository, file, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
        return Path(hf_hub_download(repository, file, revision=revision or None, endpoint=endpoint))
    except LocalEntryNotFoundError as error:
        raise BadRun(
            f"{name} is not on this machine and the Hub cannot be reached; try again with a network, or give "
            "a file of weights that you have"
        ) from error
    except EntryNotFoundError:
        return None
    except HFValidationError as error:
        raise BadInput(f"{name} is no repository: {error}") from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise BadRun(
            f"the Hub has no repository {repository}{f' at {revision}' if revision else ''} that you may read; "
            "see how it is spelt, or log in with `hf auth login`"
        ) from error
    except HfHubHTTPError as error:
        raise BadRun(f"{name} was not fetched: {error}") from error
