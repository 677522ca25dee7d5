"""The same shortcuts for a model whose layers are called from its own code: its graph is traced and changed.

`torch.fx` writes down what the model calls. A model that decides by the values of its tensors cannot be traced, and
is left alone.
"""

import operator
from collections.abc import Iterator
from typing import Final

import torch
from torch import fx
from torch.fx.passes.shape_prop import ShapeProp

from residua.exam.calling import REFUSALS
from residua.exam.treatments.patient import Patient
from residua.exam.treatments.shortcuts import LAYERS, depth
from residua.look import answer, seeded, untouched
from residua.parts import Scale

PREFIX: Final = "shortcut_scale"


def add_traced_shortcuts(patient: Patient) -> str | None:
    """Trace a model, and lead a sum around each pair of layers that keeps the shape."""
    graph = traced(patient)
    if graph is None or not does_the_same(graph, patient):
        return None
    device = patient.batch[0].device
    found = [cut for row in rows(graph) for cut in cuts(graph, row)]
    if not found:
        return None
    sums: dict[fx.Node, fx.Node] = {}
    for place, (start, end) in enumerate(found):
        name = f"{PREFIX}{place}"
        graph.add_submodule(name, Scale(0.0).to(device))
        # A span that begins where another has ended begins at its sum.
        sums[end] = lead_around(graph.graph, sums.get(start, start), end, name)
    graph.recompile()
    patient.model = graph.train(patient.model.training)
    patient.adopt()
    return f"trace the model and put shortcuts around {len(found)} pairs of layers, each branch scaled from 0"


def traced(patient: Patient) -> fx.GraphModule | None:
    """Return the graph of a model with the shape of every value; None where it cannot be traced."""
    try:
        graph = fx.symbolic_trace(patient.model)
        with untouched(graph), torch.no_grad():
            graph.eval()
            ShapeProp(graph).propagate(patient.batch[0][:2])
    except REFUSALS:
        return None
    return graph


def does_the_same(graph: fx.GraphModule, patient: Patient) -> bool:
    """Return whether a graph answers as the model does in both modes: what hangs on the mode may be fixed in it."""
    inputs = patient.batch[0][:4]
    for training in (True, False):
        told = []
        for model in (graph, patient.model):
            with untouched(model), seeded(model), torch.no_grad():
                model.train(training)
                told.append(answer(model(inputs)))
        if told[0] is None or told[1] is None or not torch.allclose(told[0], told[1], equal_nan=True):
            return False
    return True


def rows(graph: fx.GraphModule) -> Iterator[list[fx.Node]]:
    """Walk the stretches in which each value is used once, by the next operation alone."""
    row: list[fx.Node] = []
    for node in graph.graph.nodes:
        if row and node.all_input_nodes == [row[-1]] and len(row[-1].users) == 1 and node.op != "output":
            row.append(node)
        else:
            if len(row) > LAYERS:
                yield row
            row = [node]
    if len(row) > LAYERS:
        yield row


def cuts(graph: fx.GraphModule, row: list[fx.Node]) -> Iterator[tuple[fx.Node, fx.Node]]:
    """Cut a row into spans of two layers that keep the shape; each is the value before it and its last one."""
    place = 1
    while place < len(row):
        stop = last_that_fits(graph, row, place) if layers_of(graph, row[place]) else None
        if stop is not None:
            yield row[place - 1], row[stop]
        place = place + 1 if stop is None else stop + 1


def last_that_fits(graph: fx.GraphModule, row: list[fx.Node], first: int) -> int | None:
    """Return where the longest span ends that begins there, holds two layers and keeps the shape."""
    fitting = [
        stop
        for stop in range(first + 1, len(row))
        if held(graph, row[first : stop + 1]) == LAYERS
        and shape(row[stop]) == shape(row[first - 1]) is not None
    ]
    return fitting[-1] if fitting else None


def held(graph: fx.GraphModule, nodes: list[fx.Node]) -> int:
    """Return how many layers some operations hold."""
    return sum(layers_of(graph, node) for node in nodes)


def layers_of(graph: fx.GraphModule, node: fx.Node) -> int:
    """Return how many layers one operation holds."""
    return depth(graph.get_submodule(str(node.target))) if node.op == "call_module" else 0


def shape(node: fx.Node) -> torch.Size | None:
    """Return the shape of a value; None for one that is no tensor."""
    found = node.meta.get("tensor_meta")
    return getattr(found, "shape", None)


def lead_around(graph: fx.Graph, start: fx.Node, end: fx.Node, scale: str) -> fx.Node:
    """Put `start + scale(end)` in place of `end`, and return it."""
    with graph.inserting_after(end):
        scaled = graph.call_module(scale, (end,))
    with graph.inserting_after(scaled):
        joined = graph.call_function(operator.add, (start, scaled))
    end.replace_all_uses_with(joined, delete_user_cb=lambda user: user is not scaled)
    return joined
