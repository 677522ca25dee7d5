"""Everything public says what it is; what `import residua` offers also shows itself at work."""

import inspect
from collections.abc import Iterator

import residua
from tests.house.tree import defined, modules

WITHOUT_EXAMPLE: dict[str, str] = {
    # "name in residua.__all__": why an example would say nothing or take minutes
    "evaluate": "takes a trained model; docs/how-to/evaluate-and-predict.md shows it on a real run",
    "load_model": "takes the folder of a run; as above",
    "predict": "takes a trained model; as above",
    "resume": "takes a run that was stopped; docs/how-to/resume-a-run.md shows it",
    "train": "would write a run folder; the first page of the documentation shows it",
}


def undocumented() -> Iterator[str]:
    for module in modules():
        if not module.__doc__:
            yield module.__name__
        for name, member in defined(module):
            if not vars(member).get("__doc__", member.__doc__):
                yield name
            if inspect.isclass(member):
                yield from (f"{name}.{method}" for method in silent_methods(member))


def silent_methods(of: type) -> Iterator[str]:
    """Walk the public methods without a docstring that no base class has already explained."""
    for name, member in vars(of).items():
        said_by_a_base = any(name in vars(base) for base in of.__mro__[1:])
        said = inspect.getdoc(getattr(member, "__func__", member)) if member is not None else None
        method = inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
        if method and not name.startswith("_") and not said_by_a_base and not said:
            yield name


def offered() -> Iterator[tuple[str, object]]:
    """Walk the functions and classes that `import residua` offers, without the errors."""
    for name in getattr(residua, "__all__", []):
        member = getattr(residua, name)
        error = inspect.isclass(member) and issubclass(member, Exception)
        if (inspect.isclass(member) or inspect.isroutine(member)) and not error:
            yield name, member


def test_everything_public_has_a_docstring() -> None:
    assert sorted(undocumented()) == []


def test_what_is_offered_shows_an_example() -> None:
    silent = {name for name, member in offered() if ">>>" not in (inspect.getdoc(member) or "")}
    assert sorted(silent ^ set(WITHOUT_EXAMPLE)) == []
