"""The checks that run beside the tests really run."""

import doctest

import jaxtyping
import pytest
import torch
from torch import nn

from residua.parts.join import Sum
from tests.house.tree import FILES, modules


def test_shapes_are_checked_while_the_tests_run() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        Sum(nn.Identity()).merge(torch.zeros(2, 3, 4, 4), torch.zeros(1, 3, 4, 4))


def test_every_example_is_found() -> None:
    """The checks of shapes wrap every function; an example that the wrapping hid would never run."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = sum(len(test.examples) for module in modules() for test in finder.find(module))
    written = sum(line.lstrip().startswith(">>>") for path in FILES for line in path.read_text().splitlines())
    assert found == written
