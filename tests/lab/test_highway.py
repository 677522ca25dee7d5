"""The gradient grows on its way back as theory says, and its routes add up."""

import json
import math

import pytest

from residua.lab import highway, theory
from residua.lab.networks import label, spec


@pytest.fixture(scope="module")
def result() -> highway.Highway:
    return highway.highway(depths=(8, 14), seeds=1)


def test_the_routes_add_up(result: highway.Highway) -> None:
    assert (result.routes.joins, result.routes.routes) == (9, 512)
    assert result.routes.relative_error < 1e-12


def test_plain_layers_grow_by_a_factor_and_residual_blocks_by_a_power(result: highway.Highway) -> None:
    assert result.growth == pytest.approx(math.sqrt(math.pi / (math.pi - 1)), rel=0.03)
    for row in result.layers:
        if row.network == "sum":
            assert row.norm == pytest.approx(row.expected, rel=0.15)


def test_every_block_has_its_row(result: highway.Highway) -> None:
    assert [row.block for row in result.rows if row.network == "plain-8"] == [1, 2, 3]
    assert [row.block for row in result.rows if row.network == "residual-14"] == [1, 2, 3, 4, 5, 6]
    assert all(row.norm == 1 for row in result.rows if row.block == 3 and row.network == "plain-8")
    assert [row.block for row in result.shares if row.network == "residual-14"] == [1, 2, 3, 4, 5, 6]


def test_the_last_block_has_one_way_by_shortcuts(result: highway.Highway) -> None:
    last = result.shares[-1]
    assert last.direct == pytest.approx(last.by_shortcut)


def test_small_nets_are_not_deep_enough_for_the_claim(result: highway.Highway) -> None:
    assert not result.holds
    assert json.loads(result.json())["holds"] is False
    assert result.table().lines[0][0] == "plain-8"


def test_theory_in_the_residual_stream() -> None:
    first = theory.gradient_in_residual(23, 24)
    assert first == pytest.approx(math.sqrt(1 + 1 / (1 + 23 * (1 - 1 / math.pi))))


def test_the_networks_of_the_lab() -> None:
    assert spec(20, "none").join == "none"
    assert spec(20, "sum", size=32, channels=3).widths == (16, 32, 64)
    assert label(20, "sum") == "residual-20"
