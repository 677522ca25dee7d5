"""What a `.pt2` file may hold. PyTorch runs some of what it finds in one, so all that could be code is looked at first.

`torch.export.load` unpickles where a record says so, evaluates the sizes of tensors as expressions of SymPy, looks
operators up by name, and writes Python from the guards; its documentation says to load no file of a stranger. Here
a file is read first, by PyTorch's own reader so that both see the same bytes, and refused unless it is a program of
tensor operators: no pickles but one of plain tensors, arithmetic where expressions stand, and names elsewhere.
"""

import ast
import io
import json
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch

from residua.errors import BadRun

RECORD: Final = re.compile(
    r"data/weights/(weight_\d+|model_weights_config\.json)|data/constants/(tensor_\d+|model_constants_config\.json)"
    r"|data/sample_inputs/model\.pt|models/model\.json|extra/[\w.-]+"
    r"|archive_format|archive_version|version|byteorder|\.data/(version|serialization_id)"
)
CONFIGS: Final = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
PROGRAM: Final = "models/model.json"
SAMPLES: Final = "data/sample_inputs/model.pt"
TARGET: Final = re.compile(
    r"torch\.ops\.aten\.(?!from_file\b)\w+\.\w+"  # `from_file` makes files
    r"|_operator\.(add|and_|eq|floordiv|ge|gt|le|lt|mod|mul|ne|neg|or_|sub|truediv)"
    r"|math\.(ceil|floor|trunc)|torch\.sym_(float|int|max|min|not)"
)
NAME: Final = re.compile(r"[\w.+-]{0,500}")
METADATA: Final = {"stack_trace", "nn_module_stack", "torch_fn"}
"""Notes on a node that are text and nothing more."""
CONTAINERS: Final = {None, "builtins.tuple", "builtins.dict", "builtins.list"}
WORDS: Final = {
    *("Add", "Mul", "Integer", "Rational", "Symbol"),
    *("CleanDiv", "FloorDiv", "Mod", "ModularIndexing", "PythonMod", "Max", "Min", "max", "min"),
    *("And", "Or", "Not", "Eq", "Ne", "Ge", "Gt", "Le", "Lt"),
    "L",
}
"""What expressions are made of; `L` holds the inputs."""
SYNTAX: Final = (
    *(ast.Expression, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.Compare, ast.cmpop),
    *(
        ast.Add,
        ast.Sub,
        ast.Mult,
        ast.Div,
        ast.FloorDiv,
        ast.Mod,
    ),  # no powers: one can be made to take for ever
    *(ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.Subscript, ast.Attribute),
)
LARGEST: Final = 2**63


def refuse_code(path: Path) -> None:
    """Refuse a `.pt2` file that holds anything but a program of tensor operators.

    Raises:
        BadRun: it cannot be read, or it holds something else; what that is.
    """
    try:
        reader = torch._C.PyTorchFileReader(str(path))
        names = reader.get_all_records()
        with zipfile.ZipFile(path) as archive:
            stored = [name.partition("/")[2] for name in archive.namelist()]
        if sorted(stored) != sorted(names) or len(set(names)) != len(names):
            raise BadRun(f"{path} is refused: it holds files beside those of its program")
        for name in names:
            if not RECORD.fullmatch(name):
                raise BadRun(f"{path} is refused: it holds {name[:80]!r}, which no program of tensors needs")
        for name in CONFIGS:
            if name in names:
                refuse_pickles(json.loads(reader.get_record(name)), path)
        if SAMPLES in names:
            torch.load(io.BytesIO(reader.get_record(SAMPLES)), weights_only=True)
        program = json.loads(reader.get_record(PROGRAM))
    except pickle.UnpicklingError as error:
        raise BadRun(f"{path} is refused: a pickle in it holds more than tensors") from error
    except (
        RuntimeError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        OSError,
        RecursionError,
        zipfile.BadZipFile,
    ) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise BadRun(f"{path} cannot be loaded by PyTorch: {why}") from error
    for key, text in texts(program):
        if not harmless(key, text):
            raise BadRun(
                f"{path} is refused: {text[:80]!r} stands there as {key}, where it could be run as code"
            )


def refuse_pickles(config: Any, path: Path) -> None:
    """Raise `BadRun` where a tensor is stored as a pickle."""
    for name, stored in config["config"].items():
        if stored.get("use_pickle") is not False:
            raise BadRun(f"{path} is refused: {str(name)[:80]!r} in it is a pickle, which can run code")


def texts(found: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Walk all texts in a structure of JSON, each with the name of its field; names of fields are texts too."""
    if isinstance(found, str):
        yield key, found
    elif isinstance(found, list):
        for one in found:
            yield from texts(one, key)
    elif isinstance(found, dict):
        for name, one in found.items():
            yield "a name", name
            if key == "metadata" and name in METADATA:
                continue
            yield from texts(one, name)


def harmless(key: str, text: str) -> bool:
    """Return whether a text in a field of this name can be nothing but what the field is for.

    >>> harmless("expr_str", "FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2))")
    True
    >>> harmless("expr_str", "Symbol('s0').__class__"), harmless("target", "torch.load")
    (False, False)
    """
    match key:
        case "target":
            return bool(TARGET.fullmatch(text))
        case "expr_str" | "guards_code":
            return is_arithmetic(text)
        case "in_spec" | "out_spec":
            return is_nest(text)
        case _:
            return bool(NAME.fullmatch(text))


def is_arithmetic(text: str) -> bool:
    """Return whether an expression is of numbers, sizes and known functions alone."""
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(isinstance(node, SYNTAX) and is_plain(node) for node in nodes)


def is_plain(node: ast.AST) -> bool:
    """Return whether a part of an expression is a known word, a small number, a size or a name."""
    match node:
        case ast.Name(id=name):
            return name in WORDS
        case ast.Attribute(value=ast.Subscript(), attr=name):
            return name == "size"
        case ast.Attribute():
            return False
        case ast.Call(func=function):
            return isinstance(function, ast.Name | ast.Attribute)
        case ast.Constant(value=str() as text):
            return bool(re.fullmatch(r"\w{1,200}", text)) and "__" not in text
        case ast.Constant(value=int() | float() as number):
            return abs(number) < LARGEST
        case ast.Constant():
            return False
        case _:
            return True


def is_nest(text: str) -> bool:
    """Return whether a text describes tuples, lists and dictionaries within one another."""
    if not text:
        return True
    try:
        version, spec = json.loads(text)
        return version == 1 and only_containers(spec)
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def only_containers(spec: Any) -> bool:
    """Return whether a node of such a description, and all below it, are plain containers."""
    context = spec["context"]
    known = spec["type"] in CONTAINERS and is_names(None if context is None else json.loads(context))
    return known and all(only_containers(child) for child in spec["children_spec"])


def is_names(context: Any) -> bool:
    """Return whether what is said of a container is nothing, or the keys of a dictionary."""
    return context is None or (
        isinstance(context, list) and all(isinstance(key, str) and NAME.fullmatch(key) for key in context)
    )
