"""Weights from a file that another program wrote, without running anything the file says."""

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from residua.archives import archive_in, hostile_member
from residua.errors import BadRun
from residua.seals import sealed

NESTED: Final = ("model", "state_dict")  # where training scripts keep the weights among other things
CODE: Final = re.compile(r"GLOBAL ([\w.]+)")
ADVICE: Final = "Save the state dict alone, as safetensors or with torch.save(model.state_dict(), file)"


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or of a state dict that `torch.save` wrote.

    Raises:
        BadRun: the file is not there, is neither, or is a pickle that would run code; none is ever run.

    >>> read_weights(Path("nowhere.pt"))
    Traceback (most recent call last):
    residua.errors.BadRun: nowhere.pt cannot be read: No such file or directory
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
        # A safetensors file is the length of its header in eight bytes, then the header, which is JSON.
        if start[8:] == b"{":
            sealed(path)  # a file of ours says whether it is as it was written
            found: Mapping[str, object] = safetensors.torch.load_file(path)
        else:
            found = unpickled(path)
    except OSError as error:
        raise BadRun(f"{path} cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise BadRun(f"{path} is a damaged safetensors file: {error}. Fetch or export it again") from error
    state = {str(name): tensor.detach() for name, tensor in found.items() if isinstance(tensor, Tensor)}
    others = [str(name) for name, value in found.items() if not isinstance(value, Tensor)]
    if others or not state:
        what = f"{', '.join(others[:3])} beside or instead of tensors" if others else "nothing"
        raise BadRun(f"{path} holds {what}; weights are tensors by name. {ADVICE}")
    return state


def unpickled(path: Path) -> Mapping[str, object]:
    """Return what `torch.save` wrote by name, out of what lies around it; refuse any other Python object."""
    try:
        if zipfile.is_zipfile(path) and (hostile := hostile_member(path)):  # torch.save writes a zip as well
            raise BadRun(f"{path} is a zip archive, and {hostile}; nothing of it was read. {ADVICE}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old protocols and the like; what matters is in a refusal
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (BadRun, OSError):
        raise
    except pickle.UnpicklingError as error:
        named = CODE.search(str(error))
        if named is None:
            what = f"is {archive}, and neither" if (archive := archive_in(path)) else "is neither"
            raise BadRun(f"{path} {what} safetensors nor written by torch.save. {ADVICE}") from error
        raise BadRun(
            f"{path} would run code to be read ({named[1]}), and was refused; nothing was run. {ADVICE}"
        ) from error
    except Exception as error:  # torch.load raises a dozen types on damaged files
        what = f"is {archive}, and" if (archive := archive_in(path)) else "is damaged or"
        raise BadRun(f"{path} {what} was not written by torch.save. {ADVICE}") from error
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise BadRun(f"{path} holds a {type(content).__name__}; weights are tensors by name. {ADVICE}")
    return content
